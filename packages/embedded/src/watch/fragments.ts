import { Event } from '@livetree/etcd/wire'

/** Size at which etcd cuts a watch message: its largest request and the room it leaves for gRPC, in bytes. */
export const FRAGMENT_BYTES = 2 * 1024 * 1024

/** Room for the fields around the events. */
const ENVELOPE_BYTES = 64
/** A field's tag and its length. */
const EVENT_OVERHEAD_BYTES = 5

/** Cuts events into messages below the limit, each with at least one event. */
export function fragmentsOf(events: readonly Event[], maxBytes = FRAGMENT_BYTES): (readonly Event[])[] {
  const fragments: Event[][] = []
  let current: Event[] = []
  let bytes = ENVELOPE_BYTES
  for (const event of events) {
    const size = Event.encode(event).length + EVENT_OVERHEAD_BYTES
    if (current.length > 0 && bytes + size >= maxBytes) {
      fragments.push(current)
      current = []
      bytes = ENVELOPE_BYTES
    }
    current.push(event)
    bytes += size
  }
  return [...fragments, current]
}
