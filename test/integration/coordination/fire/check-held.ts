import { type HeldKind, type History, KEYS, type Observation } from './history.ts'
import type { Checked, Effective } from './real-time.ts'
import { type HeldReplay, replayHeld } from './replay-held.ts'

type Seen<Type extends Observation['type']> = Extract<Observation, { readonly type: Type }>

/** Checks a lock, an election or a semaphore: the store against the model, and the contenders against the store. */
export function checkHeld(kind: HeldKind, history: History): Checked {
  const replay = replayHeld(kind, history.events)
  const observations = history.observations.filter((seen) => seen.kind === kind)
  const violations = [...replay.violations]
  const calls: Effective[] = []
  const given = new Set<number>()
  for (const seen of observations) {
    if (seen.type === 'held') {
      if (given.has(seen.token)) violations.push(`${kind}: ${seen.token} was given twice`)
      given.add(seen.token)
    }
    const found = checkCall(kind, seen, replay)
    if (typeof found === 'string') violations.push(found)
    else if (found !== undefined) calls.push(found)
  }
  const relied = observations.filter((seen) => seen.type === 'relied')
  violations.push(...(kind === 'permit' ? checkPlaces(relied, history) : checkTurns(kind, relied, history)))
  return { violations, calls }
}

/** The effect of one call, or how it contradicts the store. */
function checkCall(kind: HeldKind, seen: Observation, replay: HeldReplay): Effective | string | undefined {
  if (seen.type === 'held') {
    const revision = replay.turns.get(seen.token)
    const what = `the turn of ${kind} ${seen.token}`
    return revision === undefined
      ? `${kind}: ${seen.token} was given, and it never had its turn`
      : { what, revision, start: seen.start, end: seen.end }
  }
  if (seen.type === 'released') {
    const revision = replay.ends.get(seen.token)
    const what = `the release of ${kind} ${seen.token}`
    return revision === undefined
      ? `${kind}: ${seen.token} was released, and its key is still there`
      : { what, revision, start: seen.start, end: seen.end, mayBeOlder: true }
  }
  if (seen.type !== 'wrote' && seen.type !== 'refused') return undefined
  const [revision, ...more] = replay.writes.get(seen.text) ?? []
  if (seen.type === 'refused')
    return revision === undefined ? undefined : `${kind}: "${seen.text}" was refused and is written`
  if (revision === undefined || more.length > 0)
    return `${kind}: "${seen.text}" was written ${more.length + (revision === undefined ? 0 : 1)} times`
  return { what: `the write "${seen.text}"`, revision, start: seen.start, end: seen.end }
}

/** Nobody relies on it once a later holder does, whatever was paused or cut off. */
function checkTurns(kind: HeldKind, relied: readonly Seen<'relied'>[], { taken }: History): string[] {
  const violations: string[] = []
  let latest = 0
  for (const { token, at } of relied.toSorted((a, b) => a.at - b.at)) {
    if (token < latest && !taken.has(token))
      violations.push(`${kind}: ${token} relied on it at ${at}, when ${latest} had it already`)
    latest = Math.max(latest, token)
  }
  return violations
}

/** No more rely on a permit at once than there are places. */
function checkPlaces(relied: readonly Seen<'relied'>[], { events, taken }: History): string[] {
  const limits = events.filter(({ key, type }) => key === KEYS.limit && type === 'put')
  const limit = Math.max(0, ...limits.map(({ text }) => Number(text)))
  const spans = new Map<number, { start: number; end: number }>()
  for (const { token, at } of relied) {
    const { start, end } = spans.get(token) ?? { start: at, end: at }
    if (!taken.has(token)) spans.set(token, { start: Math.min(start, at), end: Math.max(end, at) })
  }
  const edges = [...spans].flatMap(([token, { start, end }]) => [
    { at: start, token, isStart: true },
    { at: end, token, isStart: false },
  ])
  const held = new Set<number>()
  const violations: string[] = []
  for (const { token, isStart, at } of edges.sort(
    (a, b) => a.at - b.at || Number(b.isStart) - Number(a.isStart),
  )) {
    if (isStart) held.add(token)
    else held.delete(token)
    if (held.size > limit)
      violations.push(`permit: ${[...held].join(', ')} relied on ${limit} permits at ${at}`)
  }
  return violations
}
