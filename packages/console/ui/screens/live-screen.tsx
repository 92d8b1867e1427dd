import type { SaidView } from '../../src/wire/index.ts'
import { Failure } from '../parts/failure.tsx'
import { HistoryEntry } from '../parts/history-entry.tsx'
import type { LiveTail, TailLine } from '../parts/live-tail.ts'
import { SaidIssues } from '../parts/said-issues.tsx'
import { useKey } from '../parts/use-key.ts'
import type { ScreenProps } from '../screen-props.ts'
import { visibleLine } from '../visible.ts'

interface LiveScreenProps extends ScreenProps {
  readonly tail: LiveTail
  readonly isConnected: boolean
}

/** What is written, by whomever, and what the instances say of it, as it comes in. */
export function LiveScreen({ tail, isConnected, ...props }: LiveScreenProps) {
  const { lines, isPaused, heldCount, troubles } = tail
  usePauseKey(tail)
  return (
    <div class="column">
      <h1>Live</h1>
      <p class="buttons">
        <button type="button" onClick={() => tail.pause(!isPaused)}>
          {isPaused ? 'Go on' : 'Pause'}
        </button>
        <kbd>p</kbd>
        <span class="quiet" role="status">
          {stateText(isConnected, isPaused, heldCount)}
        </span>
      </p>
      {troubles.map((error) => (
        <Failure key={error.message} error={error} />
      ))}
      {lines.length === 0 && (
        <p class="quiet">Nothing yet: changes, and what the running instances say of them, come in here.</p>
      )}
      <div role="log" aria-label="What came in">
        <ol class="entries">
          {lines.map((line) => (
            <Line key={line.number} line={line} {...props} />
          ))}
        </ol>
      </div>
    </div>
  )
}

function Line({ line, ...props }: ScreenProps & { readonly line: TailLine }) {
  if (line.type === 'change') return <HistoryEntry entry={line.entry} {...props} />
  if (line.type === 'said') return <Said said={line.said} />
  return (
    <li class="entry warn">
      Something before this is missing: it was too much, or the store does not keep it any more.
    </li>
  )
}

function Said({ said }: { readonly said: SaidView }) {
  const { instance, isGone } = said
  const { host, name, id, appVersion, at, needsRestart, issues, moreIssues } = instance
  return (
    <li class="entry said">
      <p class="entry-head">
        <strong>{visibleLine(host)}</strong>
        <Verdict said={said} />
        {!isGone && <time dateTime={new Date(at).toISOString()}>{new Date(at).toLocaleTimeString()}</time>}
        <code class="quiet">{visibleLine(`${name} ${id} ${appVersion}`)}</code>
      </p>
      {!isGone && needsRestart.length > 0 && (
        <p class="quiet">
          Runs an old value until it starts again: {needsRestart.map(visibleLine).join(', ')}
        </p>
      )}
      {!isGone && (issues.length > 0 || moreIssues > 0) && (
        <SaidIssues issues={issues} moreIssues={moreIssues} />
      )}
    </li>
  )
}

function Verdict({ said: { instance, isGone } }: { readonly said: SaidView }) {
  const { verdict, judged, applied, state } = instance
  if (isGone) return <span class="verdict gone">has left</span>
  if (verdict === 'rejected') return <span class="verdict rejected">refuses revision {judged}</span>
  return (
    <span class="verdict applied">
      has revision {applied}
      {state !== 'live' && `, ${state}`}
    </span>
  )
}

function stateText(isConnected: boolean, isPaused: boolean, heldCount: number): string {
  const state = isConnected ? '' : 'Not connected: it goes on by itself, where it was.'
  return isPaused ? `Paused: ${heldCount} more came in. ${state}` : state
}

/** `p` pauses, and goes on, unless a field has it. */
function usePauseKey(tail: LiveTail): void {
  useKey('p', () => tail.pause(!tail.isPaused), [tail])
}
