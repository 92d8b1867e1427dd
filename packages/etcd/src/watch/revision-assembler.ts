import { EtcdError } from '../errors.ts'
import type { KeyValue } from '../wire/kv.ts'
import { type Event, EventType } from '../wire/watch.ts'

/** An event as every server sends it: with the entry that it changes, and its revision. */
export interface KeyEvent extends Event {
  readonly kv: KeyValue
}

/** All changes of one revision. */
export interface WholeRevision {
  readonly revision: number
  /** The last event of each key, in the store's order. A transaction may write a key several times. */
  readonly events: readonly KeyEvent[]
  /** For each event, whether its key existed before the revision. */
  readonly wereThere: readonly boolean[]
}

/**
 * Assembles complete revisions from responses and their fragments. etcd splits a response between any two
 * events, even of one revision, so the last revision of a fragment is held back until it is known to be
 * complete. Earlier ones are returned at once: a long history requires memory for one revision and one
 * fragment only.
 */
export class RevisionAssembler {
  #revision = 0
  #events: KeyEvent[] = []

  /** True while a revision is held back that may be incomplete. */
  get isPartial(): boolean {
    return this.#events.length > 0
  }

  /**
   * Adds the events of a response; `hasMore` is its `fragment` flag. Returns the revisions that are now
   * complete, in order.
   *
   * @throws EtcdError `malformed_message` if revisions go back within a response, because an event would be
   * mistaken for a duplicate
   */
  push(events: readonly Event[], hasMore: boolean): WholeRevision[] {
    const whole: WholeRevision[] = []
    for (const event of events) {
      if (!isKeyEvent(event)) throw withoutRevision()
      const revision = event.kv.modRevision
      if (revision < this.#revision && this.isPartial) throw outOfOrder(revision, this.#revision)
      if (revision !== this.#revision && this.isPartial) whole.push(this.#take())
      this.#revision = revision
      this.#events.push(event)
    }
    if (!hasMore && this.isPartial) whole.push(this.#take())
    return whole
  }

  /** Discards what is held back; it is sent again when the watch resumes. */
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

function isKeyEvent(event: Event): event is KeyEvent {
  return event.kv !== undefined && event.kv.modRevision > 0
}

function withoutRevision(): EtcdError {
  return new EtcdError('malformed_message', {
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
 * Reduces events to the last one of each key: a nested transaction can put and delete a key in any order and
 * repeatedly. A repeated fragment ends with the same event, so it changes nothing.
 */
function lastOfEachKey(events: readonly KeyEvent[]): Omit<WholeRevision, 'revision'> {
  if (events.length === 1) return { events, wereThere: events.map(wasThereBefore) }
  const last = new Map<string, { readonly event: KeyEvent; readonly wasThere: boolean }>()
  for (const event of events) {
    const key = event.kv.key.toString('latin1')
    const earlier = last.get(key)
    if (earlier !== undefined) last.delete(key)
    last.set(key, { event, wasThere: earlier?.wasThere ?? wasThereBefore(event) })
  }
  const changes = [...last.values()]
  return { events: changes.map(({ event }) => event), wereThere: changes.map(({ wasThere }) => wasThere) }
}

/**
 * Derived from the first event of a key in a revision: only an existing key can be deleted, or have a version
 * above 1.
 */
function wasThereBefore({ type, kv }: KeyEvent): boolean {
  return type === EventType.delete || kv.version > 1
}
