import { Event } from '@livetree/etcd/wire'

/** Size at which etcd cuts a watch message: its largest request and the room it leaves for gRPC, in bytes. */
export const fragmentBytes = 2 * 1024 * 1024

/** Room for the fields around the events. */
const envelopeBytes = 64
/** A field's tag and its length. */
const eventOverheadBytes = 5

/** Cuts events into messages below the limit, each with at least one event. */
export const fragmentsOf = (events: readonly Event[], maxBytes = fragmentBytes): (readonly Event[])[] => {
  const fragments: Event[][] = []
  let current: Event[] = []
  let bytes = envelopeBytes
  for (const event of events) {
    const size = Event.encode(event).length + eventOverheadBytes
    if (current.length > 0 && bytes + size >= maxBytes) {
      fragments.push(current)
      current = []
      bytes = envelopeBytes
    }
    current.push(event)
    bytes += size
  }
  return [...fragments, current]
}
