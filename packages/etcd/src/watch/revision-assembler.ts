import { EtcdError } from '../errors.ts'
import type { Event } from '../wire/watch.ts'

/** All events of one revision. */
export interface WholeRevision {
  readonly revision: number
  readonly events: readonly Event[]
}

/**
 * Makes whole revisions out of answers and fragments of answers. etcd cuts an answer into fragments between events,
 * also within one revision, so the last revision of a fragment is held back until something says that it is whole.
 * Earlier ones go out at once: a long history needs memory for one revision and one fragment, not for all of it.
 */
export class RevisionAssembler {
  #revision = 0
  #events: Event[] = []

  /** A revision is held back that may not be whole. */
  get isPartial(): boolean {
    return this.#events.length > 0
  }

  /**
   * Takes the events of one answer; `hasMore` is its `fragment` flag. Gives the revisions that are whole now, in order.
   * Throws `malformed_message` when revisions go back within an answer: some event would be taken for a duplicate.
   */
  push(events: readonly Event[], hasMore: boolean): WholeRevision[] {
    const whole: WholeRevision[] = []
    for (const event of events) {
      const revision = revisionOf(event)
      if (revision < this.#revision && this.isPartial) throw outOfOrder(revision, this.#revision)
      if (revision !== this.#revision && this.isPartial) whole.push(this.#take())
      this.#revision = revision
      this.#events.push(event)
    }
    if (!hasMore && this.isPartial) whole.push(this.#take())
    return whole
  }

  /** Forgets what is held back: it comes again when the watch resumes. */
  clear(): void {
    this.#events = []
    this.#revision = 0
  }

  #take(): WholeRevision {
    const taken = { revision: this.#revision, events: withoutRepeats(this.#events) }
    this.#events = []
    return taken
  }
}

const revisionOf = (event: Event): number => {
  const revision = event.kv?.modRevision ?? 0
  if (revision > 0) return revision
  throw new EtcdError('malformed_message', {
    call: 'Watch/Watch',
    what: 'the server sent an event without a revision',
  })
}

const outOfOrder = (revision: number, after: number): EtcdError =>
  new EtcdError('malformed_message', {
    call: 'Watch/Watch',
    what: `the server sent revision ${revision} after revision ${after} within one answer`,
  })

/** One revision changes a key once at most; a repeated fragment must not make it twice. */
const withoutRepeats = (events: Event[]): readonly Event[] => {
  if (events.length === 1) return events
  const seen = new Set<string>()
  return events.filter((event) => {
    const key = event.kv!.key.toString('latin1')
    if (seen.has(key)) return false
    seen.add(key)
    return true
  })
}
