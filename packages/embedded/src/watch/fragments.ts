import { Event } from '@livetree/etcd/wire'

/** Size at which etcd splits a watch message, in bytes: its largest request plus its reserve for gRPC. */
export const FRAGMENT_BYTES = 2 * 1024 * 1024

/** Reserve for the fields besides the events, in bytes. */
const ENVELOPE_BYTES = 64
/** Size of a field's tag and length, in bytes. */
const EVENT_OVERHEAD_BYTES = 5

/** Splits events into messages below the limit, each with at least one event. */
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
