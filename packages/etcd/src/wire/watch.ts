import { bool, bytes, enumeration, int64, named, nested, oneof, repeated, string } from './field.ts'
import { KeyValue, ResponseHeader } from './kv.ts'
import type { Decoded } from './message-type.ts'
import { message } from './message.ts'

/** Values of `Event.type`. */
export const EventType = { put: 0, delete: 1 } as const

/** One change of one key. On a delete only `key` and `modRevision` of `kv` are set. */
export const Event = message('Event', {
  type: enumeration(1, ['PUT', 'DELETE']),
  kv: nested(2, () => KeyValue),
  prevKv: nested(3, () => KeyValue),
})
export type Event = Decoded<typeof Event>

/** Values of `WatchCreateRequest.filters`: which events the server leaves out. */
export const WatchFilter = { noPut: 0, noDelete: 1 } as const

/** Creates a watch on `[key, rangeEnd)`. A `startRevision` of 0 means from now on. */
export const WatchCreateRequest = message('WatchCreateRequest', {
  key: bytes(1),
  rangeEnd: bytes(2),
  startRevision: int64(3),
  progressNotify: bool(4),
  filters: repeated(enumeration(5, ['NOPUT', 'NODELETE'])),
  prevKv: bool(6),
  watchId: int64(7),
  fragment: bool(8),
})
export type WatchCreateRequest = Decoded<typeof WatchCreateRequest>

/** Cancels a watch of this stream. */
export const WatchCancelRequest = message('WatchCancelRequest', { watchId: int64(1) })
export type WatchCancelRequest = Decoded<typeof WatchCancelRequest>

/** Asks the server how far the watches of this stream are; has no fields. */
export const WatchProgressRequest = message('WatchProgressRequest', {})
export type WatchProgressRequest = Decoded<typeof WatchProgressRequest>

/** A request on a watch stream: exactly one of the three. */
export const WatchRequest = message('WatchRequest', {
  request: oneof({
    create: named(
      'create_request',
      nested(1, () => WatchCreateRequest),
    ),
    cancel: named(
      'cancel_request',
      nested(2, () => WatchCancelRequest),
    ),
    progress: named(
      'progress_request',
      nested(3, () => WatchProgressRequest),
    ),
  }),
})
export type WatchRequest = Decoded<typeof WatchRequest>

/** Events or a state change of one watch. `fragment` says that more parts of this response follow. */
export const WatchResponse = message('WatchResponse', {
  header: nested(1, () => ResponseHeader),
  watchId: int64(2),
  created: bool(3),
  canceled: bool(4),
  compactRevision: int64(5),
  cancelReason: string(6),
  fragment: bool(7),
  events: repeated(nested(11, () => Event)),
})
export type WatchResponse = Decoded<typeof WatchResponse>
