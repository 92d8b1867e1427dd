import type { EtcdError } from '../errors.ts'
import type { MessageType } from '../wire/message-type.ts'
import type { Sendings } from './sendings.ts'
import type { CallOptions, RetryClass } from './transport.ts'

/**
 * Options of one unary call. `isAnonymous`: sent without a token, for Authenticate itself. `isParting`:
 * permitted while the client closes, to clean up. `onSent` is called each time the request is sent, for time
 * limits that start there. `roomMs`: fails unsent if the only endpoint it may use is connected but has had no room
 * for it for this time, in milliseconds. `avoidAll`: URLs of endpoints to use only if no other can be.
 * `sendings`: counts the requests of one write that consists of several calls, or that is retried like a read; whoever
 * gives it adds the count to the error. `isPatient`: while its answer is arriving, and will be whole within ten minutes, the
 * time limit begins again.
 */
export type UnaryOptions = CallOptions & {
  readonly retry?: RetryClass
  readonly isAnonymous?: boolean
  readonly isParting?: boolean
  readonly onSent?: () => void
  readonly roomMs?: number
  readonly avoidAll?: ReadonlySet<string>
  readonly sendings?: Sendings
  readonly isPatient?: boolean
}

/** The encoded request, and the type of its response. */
export interface UnaryRequest<Res> {
  readonly path: string
  readonly type: MessageType<Res>
  readonly body: Buffer
  readonly options: UnaryOptions
}

/** Receives the result of a call. */
export interface Caller<Res> {
  /** @param endpoint URL of the endpoint that has answered */
  resolve(answer: Res, endpoint: string): void
  reject(error: EtcdError): void
}
