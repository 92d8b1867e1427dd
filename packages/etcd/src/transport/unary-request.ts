import type { EtcdError } from '../errors.ts'
import type { MessageType } from '../wire/message-type.ts'
import type { CallOptions, RetryClass } from './transport.ts'

/**
 * Options of one unary call. `isAnonymous` is for Authenticate itself, which needs no token; `isParting` for what a client
 * that closes still has to put right; `onSent` is called each time the request goes out, for what counts time from there.
 */
export type UnaryOptions = CallOptions & {
  readonly retry?: RetryClass
  readonly isAnonymous?: boolean
  readonly isParting?: boolean
  readonly onSent?: () => void
}

/** What goes out, and how its answer is read. */
export interface UnaryRequest<Res> {
  readonly path: string
  readonly type: MessageType<Res>
  readonly body: Buffer
  readonly options: UnaryOptions
}

/** Who waits for the answer. */
export interface Caller<Res> {
  resolve(answer: Res): void
  reject(error: EtcdError): void
}
