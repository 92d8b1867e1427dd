import type { PlannedView, WirePath } from '../../src/wire/index.ts'
import { addressOf, keyOf } from '../places.ts'
import { visible, visibleLine } from '../visible.ts'

interface PlannedListProps {
  readonly changes: readonly PlannedView[]
  readonly revision: number
  /** Takes a place out of the change. */
  readonly onRemove: ((path: WirePath) => void) | undefined
}

/** The change as a diff by path. */
export function PlannedList({ changes, revision, onRemove }: PlannedListProps) {
  if (changes.length === 0)
    return <p class="quiet">Nothing changes: the tree holds all of it at revision {revision}.</p>
  return (
    <ul class="planned">
      {changes.map((change) => (
        <li key={change.key}>
          <p class="planned-head">
            <a href={addressOf('tree', change.path)}>
              <code>{visibleLine(change.pathText === '' ? '(whole document)' : change.pathText)}</code>
            </a>
            <span class="quiet">{visibleLine(change.layer)}</span>
            {change.type !== 'changed' && <span class="badge">{change.type}</span>}
            {change.needsRestart && <span class="badge">takes effect with a restart</span>}
            {onRemove !== undefined && (
              <button
                type="button"
                class="link"
                aria-label={`Leave out ${visibleLine(change.pathText)}`}
                onClick={() => onRemove(change.path)}
              >
                Leave out
              </button>
            )}
          </p>
          <div class="diff">
            <Side sign="−" label="Before" text={change.before} isSecret={change.isSecret} />
            <Side sign="+" label="After" text={change.after} isSecret={change.isSecret} />
          </div>
          <Effect change={change} />
          <Elsewhere change={change} />
        </li>
      ))}
    </ul>
  )
}

interface SideProps {
  readonly sign: string
  readonly label: string
  readonly text: string | undefined
  readonly isSecret: boolean
}

function Side({ sign, label, text, isSecret }: SideProps) {
  if (text === undefined) return null
  return (
    <pre class={sign === '+' ? 'after' : 'before'}>
      <span aria-hidden="true">{sign} </span>
      <span class="sr">{label}: </span>
      {isSecret ? (sign === '+' ? 'another secret' : 'secret') : visible(text)}
    </pre>
  )
}

/** Said where the value in effect is not what the key gets. */
function Effect({ change }: { readonly change: PlannedView }) {
  const { type, after, effectiveBefore, effectiveAfter, isSecret } = change
  if (isSecret || effectiveAfter === undefined) return null
  if (type === 'removed') return <p class="effect">Then in effect: {visibleLine(effectiveAfter)}</p>
  if (effectiveAfter === after || effectiveAfter !== effectiveBefore) return null
  return (
    <p class="effect warn">
      In effect stays {visibleLine(effectiveAfter)}: a higher layer or source has it, or the value is the
      same.
    </p>
  )
}

/** What the change does at the other places of its layer. */
function Elsewhere({ change: { elsewhere, isSecret } }: { readonly change: PlannedView }) {
  const changed = elsewhere.filter((other) => isSecret || other.effectiveBefore !== other.effectiveAfter)
  if (changed.length === 0) return null
  return <p class="effect">Also changes {changed.map(({ pathText }) => pathText).join(', ')}</p>
}

/** The places of a change, each once. */
export function placesOf(changes: readonly PlannedView[]): readonly WirePath[] {
  return [...new Map(changes.map(({ path }) => [keyOf(path), path])).values()]
}
