import { useRef, useState } from 'preact/hooks'
import type { CompareView, LayerView, SessionView, SideWire, WirePath } from '../../src/wire/index.ts'
import { get } from '../api.ts'
import { mayReplace } from '../draft.ts'
import { ComparedTable } from '../parts/compared-table.tsx'
import { Failure } from '../parts/failure.tsx'
import { useLoaded } from '../parts/use-loaded.ts'
import { useResting } from '../parts/use-resting.ts'
import { useSearchKey } from '../parts/use-search-key.ts'
import { goTo, keyOf } from '../places.ts'
import type { ScreenProps } from '../screen-props.ts'
import { lastName, sideName } from '../side-name.ts'
import { visibleLine } from '../visible.ts'

/** Places in the list at first, and at most. */
const FIRST = 200
const MOST = 1_000

/** How two layers, or two environments, differ; and what of that is to be taken over. */
export function CompareScreen(props: ScreenProps) {
  const { session, place } = props
  const froms = sidesOf(session)
  const [environment, layer, into] = place.path.map(String)
  const asked = froms.find((side) => side.environment === environment && side.layer === layer)
  const from = asked ?? sideAtFirst(session, froms)
  const intos = from === undefined ? [] : intosFor(session, from)
  const isNamesake = (each: string) => lastName(each) === lastName(from?.layer ?? '')
  const target = intos.find((each) => each === into) ?? intos.find(isNamesake) ?? intos.at(-1)
  const choose = (side: SideWire, other: string | undefined) =>
    goTo('compare', [side.environment, side.layer, ...(other === undefined ? [] : [other])])
  return (
    <div class="column wide">
      <h1>Compare</h1>
      {from === undefined || target === undefined ? (
        <p class="quiet">
          There is one layer, and no other environment to compare it with. <code>livetree console</code> takes
          others with <code>--compare</code>, a console in an application as <code>environments</code>.
        </p>
      ) : (
        <>
          <div class="row">
            <label>
              From
              <select
                value={JSON.stringify(from)}
                onChange={({ currentTarget }) => choose(JSON.parse(currentTarget.value) as SideWire, into)}
              >
                {froms.map((side) => (
                  <option key={JSON.stringify(side)} value={JSON.stringify(side)}>
                    {visibleLine(sideName(side))}
                  </option>
                ))}
              </select>
            </label>
            <label>
              into
              <select value={target} onChange={({ currentTarget }) => choose(from, currentTarget.value)}>
                {intos.map((each) => (
                  <option key={each} value={each}>
                    {each === '' ? 'all layers' : visibleLine(lastName(each))}
                  </option>
                ))}
              </select>
            </label>
          </div>
          <Compared key={JSON.stringify([from, target])} {...props} from={from} into={target} />
        </>
      )}
    </div>
  )
}

interface ComparedProps extends ScreenProps {
  readonly from: SideWire
  /** The prefix of a layer; empty: all of them. */
  readonly into: string
}

function Compared({ session, revision, draft, setDraft, from, into }: ComparedProps) {
  const [words, setWords] = useState('')
  const search = useResting(words)
  const [limit, setLimit] = useState(FIRST)
  const [chosen, setChosen] = useState<ReadonlyMap<string, WirePath>>(new Map())
  const field = useRef<HTMLInputElement>(null)
  useSearchKey(field)
  const { environment, layer } = from
  const { data, error, isLoading, again } = useLoaded(
    (signal) => get<CompareView>('compare', { environment, from: layer, into, search, limit }, signal),
    [revision, search, limit],
  )
  const onChoose = (paths: readonly WirePath[], isChosen: boolean) => {
    const next = new Map(chosen)
    for (const path of paths) {
      if (isChosen) next.set(keyOf(path), path)
      else next.delete(keyOf(path))
    }
    setChosen(next)
  }
  const paths = data === undefined ? [] : stillOpen(chosen, data, search)
  const promote = (target: string) => {
    if (!mayReplace(draft)) return
    setDraft({ promote: { from, layer: target, paths } })
    goTo('change')
  }
  if (data === undefined)
    return error === undefined ? <p class="quiet">Comparing…</p> : <Failure error={error} again={again} />
  if (data.total === 0) return <p class="quiet">They have the same values.</p>
  return (
    <>
      <label>
        Search paths and values
        <input
          ref={field}
          type="search"
          value={words}
          onInput={({ currentTarget }) => setWords(currentTarget.value)}
        />
      </label>
      <p class="quiet" role="status">
        {counted(data, search)}
      </p>
      {session.canWrite && (
        <Promotion session={session} into={into} count={paths.length} onPromote={promote} />
      )}
      {data.places.length > 0 && (
        <ComparedTable
          places={data.places}
          into={into === '' ? session.name : lastName(into)}
          from={sideName(from)}
          chosen={session.canWrite ? new Set(paths.map(keyOf)) : undefined}
          onChoose={onChoose}
        />
      )}
      {data.found > data.places.length && limit < MOST && (
        <button type="button" disabled={isLoading} onClick={() => setLimit(MOST)}>
          More of them
        </button>
      )}
    </>
  )
}

/**
 * What was chosen and can still be promoted: others write meanwhile. What the list does not show, since it is searched or cut
 * off, stays chosen.
 */
function stillOpen(
  chosen: ReadonlyMap<string, WirePath>,
  { places, total }: CompareView,
  search: string,
): readonly WirePath[] {
  const listed = new Map(places.map(({ path, canPromote }) => [keyOf(path), canPromote]))
  const isAll = search === '' && places.length === total
  return [...chosen].filter(([key]) => listed.get(key) ?? !isAll).map(([, path]) => path)
}

interface PromotionProps {
  readonly session: SessionView
  readonly into: string
  readonly count: number
  readonly onPromote: (layer: string) => void
}

/** Leads to the review of what is chosen. What all layers have together goes into one of them. */
function Promotion({ session, into, count, onPromote }: PromotionProps) {
  const targets = into === '' ? namesOnce(session.layers.filter(({ at }) => at.length === 0)) : [into]
  const [layer, setLayer] = useState(targets.at(-1) ?? '')
  return (
    <p class="buttons">
      <button type="button" class="main" disabled={count === 0} onClick={() => onPromote(layer)}>
        {count === 0 ? 'Promote…' : `Promote ${count} ${count === 1 ? 'place' : 'places'}…`}
      </button>
      {targets.length > 1 && (
        <select
          aria-label="Layer to promote into"
          value={layer}
          onChange={({ currentTarget }) => setLayer(currentTarget.value)}
        >
          {targets.map((each) => (
            <option key={each} value={each}>
              into {visibleLine(lastName(each))}
            </option>
          ))}
        </select>
      )}
      <span class="quiet">Nothing is written before you have reviewed it.</span>
    </p>
  )
}

function counted({ total, found, places }: CompareView, search: string): string {
  const what = `${total} ${total === 1 ? 'place differs' : 'places differ'}`
  const all = search === '' ? what : `${found} of ${what}`
  return places.length < found ? `${all}, the first ${places.length} are listed` : all
}

/** What can be compared with something here: each environment as a whole, and every layer. */
function sidesOf({ layers, environments }: SessionView): readonly SideWire[] {
  return [
    ...environments.flatMap(({ name, layers: others }) =>
      ['', ...namesOnce(others)].map((layer) => ({ environment: name, layer })),
    ),
    ...namesOnce(layers).map((layer) => ({ environment: '', layer })),
  ]
}

/** Another environment, or the layer below the highest. */
function sideAtFirst({ environments }: SessionView, sides: readonly SideWire[]): SideWire | undefined {
  return environments.length > 0 ? sides[0] : (sides.at(-2) ?? sides[0])
}

/** What a side can be compared with: a layer that stands at the same place, or everything with everything. */
function intosFor(
  { layers, environments }: SessionView,
  { environment, layer }: SideWire,
): readonly string[] {
  if (environment === '') return namesOnce(layers).filter((each) => each !== layer)
  if (layer === '') return ['']
  const others = environments.find(({ name }) => name === environment)?.layers ?? []
  const at = others.find((each) => each.layer === layer)?.at ?? []
  return namesOnce(layers.filter((each) => keyOf(each.at) === keyOf(at)))
}

function namesOnce(layers: readonly LayerView[]): readonly string[] {
  return [...new Set(layers.map(({ layer }) => layer))]
}
