import type { History, QueueKind } from './history.ts'
import type { Checked, Effective } from './real-time.ts'
import { replayQueue } from './replay-queue.ts'

/** Checks a queue: the store against the model, those who put and take against the store, and that no entry is lost. */
export function checkQueue(kind: QueueKind, history: History): Checked {
  const replay = replayQueue(kind, history.events, history.byHand)
  const violations = [...replay.violations]
  const calls: Effective[] = []
  const takers = new Map<string, number>()
  for (const seen of history.observations) {
    if (seen.kind !== kind) continue
    if (seen.type === 'put') {
      const revisions = replay.puts.get(seen.id) ?? []
      const [revision] = revisions
      const isRight = { applied: 1, not_applied: 0, unknown: Math.min(revisions.length, 1) }[seen.fate]
      if (revisions.length !== isRight)
        violations.push(
          `${kind}: ${seen.id} is there ${revisions.length} times, and its put was ${seen.fate}`,
        )
      else if (revision !== undefined && seen.fate === 'applied')
        calls.push({ what: `putting ${seen.id}`, revision, start: seen.start, end: seen.end })
    } else if (seen.type === 'took') {
      takers.set(seen.id, (takers.get(seen.id) ?? 0) + 1)
      const revision = replay.takes.get(seen.id)
      if (revision === undefined) violations.push(`${kind}: ${seen.id} was given, and nobody took it out`)
      else calls.push({ what: `taking ${seen.id}`, revision, start: seen.start, end: seen.end })
    }
  }
  for (const [id, count] of takers) if (count > 1) violations.push(`${kind}: ${id} was given ${count} times`)
  return { violations: [...violations, ...checkLost(kind, history, replay, takers)], calls }
}

/** Every entry was given to somebody, unless its taker was killed, was told that it may be lost, or it was taken by hand. */
function checkLost(
  kind: QueueKind,
  { observations, killedTakers }: History,
  { takes, left }: ReturnType<typeof replayQueue>,
  takers: ReadonlyMap<string, number>,
): string[] {
  const unknown = observations.filter((seen) => seen.kind === kind && seen.type === 'unknown-take').length
  const silent = [...takes.keys()].filter((id) => !takers.has(id))
  const violations = left.map((id) => `${kind}: ${id} was never given to anybody`)
  // A job whose completion was lost has had its effect all the same.
  if (kind === 'queue' && silent.length > unknown + killedTakers)
    violations.push(`${kind}: ${silent.length} entries are lost: ${silent.join(', ')}`)
  return violations
}
