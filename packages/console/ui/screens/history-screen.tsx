import { useState } from 'preact/hooks'
import type { DiffView, HistoryPage } from '../../src/wire/index.ts'
import { get } from '../api.ts'
import type { ScreenProps } from '../screen-props.ts'
import { Failure } from '../parts/failure.tsx'
import { HistoryEntry } from '../parts/history-entry.tsx'
import { useLoaded } from '../parts/use-loaded.ts'
import { addressOf } from '../places.ts'
import { visible, visibleLine } from '../visible.ts'

const FIRST = 50
const MOST = 1_000

/** Two revisions; 0 is now. */
interface Compared {
  readonly from: number
  readonly to: number
}

/** Every write, the newest first; and how two revisions differ. */
export function HistoryScreen(props: ScreenProps) {
  const { place, revision } = props
  const [limit, setLimit] = useState(FIRST)
  const [back, setBack] = useState(0)
  const [compared, setCompared] = useState<Compared>()
  const { data, error, isLoading, again } = useLoaded(
    (signal) =>
      get<HistoryPage>(
        'history',
        { path: JSON.stringify(place.path), limit, ...(back > 0 && { back }) },
        signal,
      ),
    [revision, limit, back],
  )
  return (
    <div class="column">
      <h1>History{place.path.length > 0 && ` of ${visibleLine(place.path.map(String).join('.'))}`}</h1>
      {place.path.length > 0 && (
        <p>
          <a href={addressOf('tree', place.path)}>To the value</a>{' '}
          <a href={addressOf('history')}>All of the history</a>
        </p>
      )}
      <Compare key={`${compared?.from} ${compared?.to}`} compared={compared} onCompare={setCompared} />
      {error !== undefined && <Failure error={error} again={again} />}
      {data === undefined && isLoading && <p class="quiet">Reading…</p>}
      {data?.entries.length === 0 && (
        <p class="quiet">Nobody has written here, as far as the store still knows.</p>
      )}
      <ol class="entries">
        {data?.entries.map((entry) => (
          <HistoryEntry
            key={entry.revision}
            entry={entry}
            {...props}
            along={place.path}
            onCompare={(from) => setCompared({ from, to: 0 })}
          />
        ))}
      </ol>
      {data?.hasMore === true && limit < MOST && (
        <button type="button" disabled={isLoading} onClick={() => setLimit(Math.min(MOST, limit * 4))}>
          Older ones
        </button>
      )}
      {data !== undefined && data.since > 0 && (
        <p class="quiet">
          Writes of other tools are shown after revision {data.since}.{' '}
          <button
            type="button"
            class="link"
            disabled={isLoading}
            onClick={() => setBack(10 * (revision - data.since))}
          >
            Look further back
          </button>
        </p>
      )}
    </div>
  )
}

interface CompareProps {
  readonly compared: Compared | undefined
  readonly onCompare: (compared: Compared | undefined) => void
}

function Compare({ compared, onCompare }: CompareProps) {
  const [from, setFrom] = useState(compared === undefined ? '' : String(compared.from))
  const [to, setTo] = useState(compared === undefined || compared.to === 0 ? '' : String(compared.to))
  const { data, error, isLoading } = useLoaded(
    compared && ((signal) => get<DiffView>('diff', { from: compared.from, to: compared.to }, signal)),
    [],
  )
  const onSubmit = (event: Event) => {
    event.preventDefault()
    onCompare({ from: Number(from), to: Number(to) })
  }
  const isReady = /^\d+$/.test(from) && /^\d*$/.test(to)
  return (
    <section aria-label="Compare two revisions">
      <form class="row" onSubmit={onSubmit}>
        <label>
          Revision
          <input
            inputMode="numeric"
            size={10}
            value={from}
            onInput={({ currentTarget }) => setFrom(currentTarget.value.trim())}
          />
        </label>
        <label>
          and
          <input
            inputMode="numeric"
            size={10}
            placeholder="now"
            value={to}
            onInput={({ currentTarget }) => setTo(currentTarget.value.trim())}
          />
        </label>
        <button type="submit" disabled={!isReady}>
          Compare
        </button>
        {compared !== undefined && (
          <button type="button" onClick={() => onCompare(undefined)}>
            Close
          </button>
        )}
      </form>
      {error !== undefined && <Failure error={error} />}
      {isLoading && <p class="quiet">Comparing…</p>}
      {data !== undefined && compared !== undefined && (
        <Differences diff={data} sides={`${compared.from} and ${compared.to === 0 ? 'now' : compared.to}`} />
      )}
    </section>
  )
}

function Differences({ diff, sides }: { readonly diff: DiffView; readonly sides: string }) {
  const { differences } = diff
  if (differences.length === 0) return <p class="quiet">Revision {sides} have the same values.</p>
  return (
    <ul class="planned">
      {differences.map(({ pathText, before, after }) => (
        <li key={pathText}>
          <code>{visibleLine(pathText)}</code>
          <div class="diff">
            {before !== undefined && <pre class="before">− {visible(before)}</pre>}
            {after !== undefined && <pre class="after">+ {visible(after)}</pre>}
          </div>
        </li>
      ))}
    </ul>
  )
}
