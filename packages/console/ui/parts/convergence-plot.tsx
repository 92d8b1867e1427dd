import type { ConvergencePoint, ConvergenceView } from '../../src/wire/index.ts'
import { visibleLine } from '../visible.ts'

/** Writes that are further apart from the newest than this are in the table alone, in milliseconds. */
const MOST_APART_MS = 10 * 60_000

/** The size of the plot in units of its own: it is stretched to the room there is. */
const WIDTH = 1_000
const HEIGHT = 100

/** How the newest writes got to the instances: when each was written, when half of them had it, when 99 % had. */
export function Convergence({ view }: { readonly view: ConvergenceView }) {
  const { points } = view
  return (
    <section aria-label="Convergence">
      <h2 class="plain">How fast changes arrive</h2>
      {points.length === 0 ? (
        <p class="quiet">
          The console has seen no write get to an instance yet: the next one shows here, for as long as a page
          is open.
        </p>
      ) : (
        <>
          <Plot view={view} />
          <Laggards view={view} />
          <Points points={points} />
        </>
      )}
    </section>
  )
}

function Plot({ view: { points, now } }: { readonly view: ConvergenceView }) {
  const newest = points.at(-1)?.at ?? now
  const near = points.filter(({ at }) => newest - at <= MOST_APART_MS)
  const start = near[0]?.at ?? now
  const isOver = near.every(({ most }) => most !== undefined)
  const last = Math.max(newest, ...near.map(({ at, most = 0 }) => at + most))
  const end = isOver ? last : Math.max(last, now)
  const pad = Math.max(50, (end - start) * 0.06)
  const x = (time: number) => Math.round((WIDTH * (time - start + pad)) / (end - start + 2 * pad))
  const y = (level: number) => Math.round(HEIGHT - 8 - ((HEIGHT - 16) * level) / near.length)
  const line = (timeOf: (point: ConvergencePoint) => number | undefined) => stepLine(near.map(timeOf), x, y)
  return (
    <figure class="plot">
      <div class="levels" aria-hidden="true">
        {near.map(({ revision }, index) => (
          <span key={revision} style={{ top: `${y(index + 1)}%` }}>
            {revision}
          </span>
        ))}
      </div>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={wordsOf(near)}
      >
        {near.map(({ revision }, index) => (
          <line key={revision} class="grid" x1="0" x2={WIDTH} y1={y(index + 1)} y2={y(index + 1)} />
        ))}
        <path class="most" d={line(({ at, most }) => sum(at, most))} />
        <path class="half" d={line(({ at, half }) => sum(at, half))} />
        <path class="written" d={line(({ at }) => at)} />
      </svg>
      <figcaption>
        <div class="ends">
          <span>{timeText(start)}</span>
          <span>{timeText(end)}</span>
        </div>
        <div>
          <span class="key written">written</span>
          <span class="key half">half of the instances have it</span>
          <span class="key most">99 % have it</span>
        </div>
      </figcaption>
    </figure>
  )
}

function sum(at: number, delay: number | undefined): number | undefined {
  return delay === undefined ? undefined : at + delay
}

/** A line that goes up one level at each time; where a time is not known yet, it stays below. */
function stepLine(
  times: readonly (number | undefined)[],
  x: (time: number) => number,
  y: (level: number) => number,
): string {
  let d = `M0 ${y(0)}`
  let latest = Number.NEGATIVE_INFINITY
  for (const [index, time] of times.entries()) {
    if (time === undefined) break
    latest = Math.max(latest, time)
    d += `H${x(latest)}V${y(index + 1)}`
  }
  return `${d}H${WIDTH}`
}

/** Who is behind the newest write. */
function Laggards({ view: { laggards, moreLaggards, newest } }: { readonly view: ConvergenceView }) {
  if (laggards.length === 0) return null
  return (
    <p class="laggards">
      Behind revision {newest}:{' '}
      {laggards.map(({ name, id, host, isRejected }, index) => (
        <span key={`${name} ${id}`}>
          {index > 0 && ', '}
          <strong>{visibleLine(host)}</strong> <code class="quiet">{visibleLine(id)}</code>
          {isRejected && <span class="verdict rejected"> refuses it</span>}
        </span>
      ))}
      {moreLaggards > 0 && `, and ${moreLaggards} more`}
    </p>
  )
}

function Points({ points }: { readonly points: readonly ConvergencePoint[] }) {
  return (
    <table class="answers">
      <thead>
        <tr>
          <th scope="col">Revision</th>
          <th scope="col">Written</th>
          <th scope="col">Half have it after</th>
          <th scope="col">99 % after</th>
          <th scope="col">Behind</th>
        </tr>
      </thead>
      <tbody>
        {points.toReversed().map(({ revision, at, half, most, behind, count }) => (
          <tr key={revision}>
            <td>{revision}</td>
            <td>{timeText(at)}</td>
            <td>{durationText(half)}</td>
            <td>{durationText(most)}</td>
            <td>{behind === 0 ? `none of ${count}` : `${behind} of ${count}`}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function wordsOf(points: readonly ConvergencePoint[]): string {
  return points
    .map(
      ({ revision, half, most }) =>
        `Revision ${revision}: half after ${durationText(half)}, 99 % after ${durationText(most)}.`,
    )
    .join(' ')
}

function durationText(ms: number | undefined): string {
  if (ms === undefined) return 'not yet'
  if (ms < 1_000) return `${Math.round(ms)} ms`
  return ms < 60_000 ? `${(ms / 1_000).toFixed(1)} s` : `${(ms / 60_000).toFixed(1)} min`
}

function timeText(at: number): string {
  return new Date(at).toLocaleTimeString()
}
