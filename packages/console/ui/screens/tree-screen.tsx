import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { RowsView, WirePath } from '../../src/wire/index.ts'
import type { ScreenProps } from '../screen-props.ts'
import { Failure, Issues } from '../parts/failure.tsx'
import { RowStore } from '../parts/row-store.ts'
import { TreeList } from '../parts/tree-list.tsx'
import { useResting } from '../parts/use-resting.ts'
import { useSearchKey } from '../parts/use-search-key.ts'
import { ValuePanel } from '../parts/value-panel.tsx'
import { goTo, keyOf } from '../places.ts'
import { visibleLine } from '../visible.ts'

/** All values, and everything about the one that is chosen. */
export function TreeScreen(props: ScreenProps) {
  const { place, revision } = props
  const [words, setWords] = useState('')
  const search = useResting(words)
  const [toggled, setToggled] = useState<readonly WirePath[]>([])
  const [isOpen, setOpen] = useState<boolean>()
  const [, redraw] = useState(0)
  const [entered, setEntered] = useState(0)
  const store = useMemo(() => new RowStore(() => redraw((count) => count + 1)), [])
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => {
    store.reset({ search, toggled, isOpen })
    redraw((count) => count + 1)
  }, [search, toggled, isOpen, revision])
  useEffect(() => () => store.close(), [])
  useSearchKey(field)
  const openAll = (open: boolean) => {
    setToggled([])
    setOpen(open)
  }
  const select = (path: WirePath, isToEdit: boolean) => {
    setEntered((count) => (isToEdit ? count + 1 : 0))
    goTo('tree', path)
  }
  const { about, error } = store
  const isChosen = place.path.length > 0
  return (
    <div class={isChosen ? 'split chosen' : 'split'}>
      <h1 class="sr">Tree</h1>
      <section class="list" aria-label="Tree">
        <div class="tools">
          <input
            ref={field}
            type="search"
            placeholder="Search keys and values   /"
            aria-label="Search keys and values"
            value={words}
            onInput={({ currentTarget }) => setWords(currentTarget.value)}
          />
          {search === '' && (
            <>
              <button type="button" onClick={() => openAll(true)}>
                Open all
              </button>
              <button type="button" onClick={() => openAll(false)}>
                Close all
              </button>
            </>
          )}
        </div>
        {error !== undefined && <Failure error={error} again={() => store.again()} />}
        {about !== undefined && <About about={about} search={search} />}
        <TreeList
          store={store}
          total={about?.total ?? 1}
          selected={place.path}
          onSelect={select}
          onToggle={(path) => setToggled((before) => flipped(before, path))}
        />
      </section>
      {isChosen && <ValuePanel key={keyOf(place.path)} {...props} entered={entered} />}
      {!isChosen && (
        <aside class="panel empty" aria-label="Value">
          <p class="quiet">Choose a value to see where it comes from, who changed it, and to change it.</p>
          <p class="quiet">
            <kbd>/</kbd> searches, <kbd>↑</kbd> <kbd>↓</kbd> move, <kbd>→</kbd> <kbd>←</kbd> open and close,{' '}
            <kbd>Enter</kbd> begins to change.
          </p>
        </aside>
      )}
    </div>
  )
}

/** What there is, and what is wrong with it. */
function About({
  about,
  search,
}: {
  readonly about: Omit<RowsView, 'rows' | 'offset'>
  readonly search: string
}) {
  const { values, total, isValid, issues, unknownKeys } = about
  const count =
    search === '' ? `${values} ${values === 1 ? 'value' : 'values'}` : `${total} of ${values} found`
  return (
    <div class="about">
      <span class="quiet" role="status">
        {count}
      </span>
      {!isValid && (
        <details class="trouble">
          <summary>
            The schema refuses the tree: running instances keep the last valid one. Shown is what the store
            holds.
          </summary>
          <Issues issues={issues} />
        </details>
      )}
      {unknownKeys.length > 0 && (
        <details class="unknown">
          <summary>
            {unknownKeys.length} {unknownKeys.length === 1 ? 'key' : 'keys'} that the schema does not know
          </summary>
          <ul class="issues">
            {unknownKeys.map(({ key, didYouMean }) => (
              <li key={key}>
                <code>{visibleLine(key)}</code>
                {didYouMean !== '' && <> Did you mean {visibleLine(didYouMean)}?</>}
              </li>
            ))}
          </ul>
        </details>
      )}
    </div>
  )
}

function flipped(toggled: readonly WirePath[], path: WirePath): readonly WirePath[] {
  const others = toggled.filter((each) => keyOf(each) !== keyOf(path))
  return others.length < toggled.length ? others : [...toggled, path]
}
