import { EtcdError } from '../errors.ts'
import { type Event, EventType } from '../wire/watch.ts'

/** What one revision changed. */
export interface WholeRevision {
  readonly revision: number
  /** The last event of each key, in the store's order: a transaction may write one key several times. */
  readonly events: readonly Event[]
  /** For each event, whether its key was there before the revision. */
  readonly wereThere: readonly boolean[]
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
   *
   * @throws EtcdError `malformed_message` when revisions go back within an answer: some event would be taken for a duplicate
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
    const taken = { revision: this.#revision, ...lastOfEachKey(this.#events) }
    this.#events = []
    return taken
  }
}

function revisionOf(event: Event): number {
  const revision = event.kv?.modRevision ?? 0
  if (revision > 0) return revision
  throw new EtcdError('malformed_message', {
    call: 'Watch/Watch',
    what: 'the server sent an event without a revision',
  })
}

function outOfOrder(revision: number, after: number): EtcdError {
  return new EtcdError('malformed_message', {
    call: 'Watch/Watch',
    what: `the server sent revision ${revision} after revision ${after} within one answer`,
  })
}

/**
 * A nested transaction may put and delete one key, in any order and many times; what counts is the last. What a repeated
 * fragment tells once more ends with the same event, so that it changes nothing.
 */
function lastOfEachKey(events: readonly Event[]): Omit<WholeRevision, 'revision'> {
  if (events.length === 1) return { events, wereThere: [wasThereBefore(events[0]!)] }
  const last = new Map<string, { readonly event: Event; readonly wasThere: boolean }>()
  for (const event of events) {
    const key = event.kv!.key.toString('latin1')
    const earlier = last.get(key)
    if (earlier !== undefined) last.delete(key)
    last.set(key, { event, wasThere: earlier?.wasThere ?? wasThereBefore(event) })
  }
  const changes = [...last.values()]
  return { events: changes.map(({ event }) => event), wereThere: changes.map(({ wasThere }) => wasThere) }
}

/** The first event of a key in a revision tells what was there: only what is there can be deleted or put once more. */
function wasThereBefore({ type, kv }: Event): boolean {
  return type === EventType.delete || kv!.version > 1
}
