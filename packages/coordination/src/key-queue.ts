import type { OpenSession } from './session.ts'

/** A queue in the store: its members are keys, in the order of their create revisions. */
export interface KeyQueue {
  /** Names the call in errors. */
  readonly what: string
  /** The method that lists the contenders. */
  readonly listing: string
  /** Where a contender puts its key. */
  readonly prefix: string
  /** A contender waits for all earlier keys directly below these prefixes. */
  readonly blockers: readonly string[]
  /** As in `OwnKeyPlan`. */
  readonly canReattach: boolean
  /** Called for a key further down below a blocker, which belongs to another name and is not waited for. */
  onDeeperKey(key: string): void
  /** Called for a key without a lease that is waited for: nobody's end removes it. */
  onOrphan(key: string): void
}

/** A queue that warns once about keys further down, and once about keys without a lease. */
export function queueOf(session: OpenSession, queue: Omit<KeyQueue, 'onDeeperKey' | 'onOrphan'>): KeyQueue {
  let isWarned = false
  let isOrphanWarned = false
  const onDeeperKey = (key: string): void => {
    if (isWarned) return
    isWarned = true
    const what = 'The name of a lock is the parent path of another key; Go and etcdctl wait for that key, too'
    session.logger.warn(what, { prefix: queue.prefix, key })
  }
  const onOrphan = (key: string): void => {
    if (isOrphanWarned) return
    isOrphanWarned = true
    const what =
      'Waiting for a key without a lease: delete it if nobody uses it. Two recipes must not share a name'
    session.logger.warn(what, { prefix: queue.prefix, key })
  }
  return { ...queue, onDeeperKey, onOrphan }
}

/** True for a key `<prefix><name>` whose name has no further slash. */
export function isDirectChild(key: string, prefix: string): boolean {
  return key.length > prefix.length && !key.includes('/', prefix.length)
}
