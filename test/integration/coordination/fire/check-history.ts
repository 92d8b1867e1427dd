/** One change of a key of the lock or of the register, as the store made it. */
export interface StoreEvent {
  readonly revision: number
  readonly type: 'put' | 'delete'
  readonly key: string
  /** Of a put. */
  readonly createRevision: number
  /** Of a put; 0n for none. */
  readonly lease: bigint
  /** Of a put. */
  readonly text: string
}

/** A moment at which a contender relied on the lock. */
export interface Belief {
  readonly token: number
  readonly atMicros: number
}

/** Everything that is known of one run. */
export interface History {
  /** In the order of revisions, complete. */
  readonly events: readonly StoreEvent[]
  readonly beliefs: readonly Belief[]
  readonly acquired: readonly number[]
  /** Tokens whose key was deleted, or whose lease was revoked, by hand: their holders cannot know it early. */
  readonly taken: ReadonlySet<number>
}

const LOCK = 'fire/lock/'
const REGISTER = 'fire/register'

/** Violations of what a lock promises, in words; none if the history is right. */
export function checkHistory(history: History): string[] {
  return [...checkWrites(history), ...checkBeliefs(history), ...checkAcquired(history)]
}

/** Every accepted write is one of the holder at that revision: of the oldest key in the queue. Tokens never fall. */
function checkWrites({ events }: History): string[] {
  const violations: string[] = []
  const queue = new Map<string, number>()
  let last = 0
  for (const { type, key, revision, createRevision, text } of events) {
    if (key.startsWith(LOCK)) {
      if (type === 'put') queue.set(key, createRevision)
      else queue.delete(key)
    } else if (key === REGISTER && type === 'put') {
      const token = Number(text.split(' ')[0])
      const holder = Math.min(...queue.values())
      if (token !== holder) violations.push(`at ${revision}, ${token} wrote while ${holder} held the lock`)
      if (token < last) violations.push(`at ${revision}, ${token} wrote after ${last}`)
      last = Math.max(last, token)
    }
  }
  return violations
}

/** Nobody relies on the lock once a later holder does, whatever was paused or cut off. */
function checkBeliefs({ beliefs, taken }: History): string[] {
  const violations: string[] = []
  let latest = 0
  for (const { token, atMicros } of beliefs.toSorted((a, b) => a.atMicros - b.atMicros)) {
    if (token < latest && !taken.has(token))
      violations.push(`${token} relied on the lock at ${atMicros}, when ${latest} had it already`)
    latest = Math.max(latest, token)
  }
  return violations
}

/** Each hold is given once, and to a key that was in the queue. */
function checkAcquired({ acquired, events }: History): string[] {
  const created = new Set(
    events.filter(({ key }) => key.startsWith(LOCK)).map(({ createRevision }) => createRevision),
  )
  const twice = acquired.filter((token, index) => acquired.indexOf(token) !== index)
  const unknown = acquired.filter((token) => !created.has(token))
  return [
    ...twice.map((token) => `${token} was given twice`),
    ...unknown.map((token) => `${token} was given without a key in the queue`),
  ]
}
