import type { EtcdError } from '../errors.ts'
import type { CallContext } from './call-context.ts'
import type { Connection } from './connection.ts'
import { silentTokenError } from './silent-token.ts'

/** The token of one call, until the server has shown that it accepts it. */
export class CallToken {
  readonly #context: Pick<CallContext, 'silentToken'>
  #endWatch: (() => void) | undefined

  constructor(context: Pick<CallContext, 'silentToken'>) {
    this.#context = context
  }

  /**
   * The call is sent with this token. Calls `onReplaced`, with an error for this call, if the member leaves the token
   * unanswered and a new one was fetched. `timeoutMs` is the time limit of the call.
   */
  expect(
    connection: Connection,
    token: string | undefined,
    onReplaced: (error: EtcdError) => void,
    timeoutMs?: number,
  ): void {
    this.settle()
    if (token === undefined) return
    this.#endWatch = this.#context.silentToken.watch(
      connection,
      token,
      () => onReplaced(silentTokenError()),
      timeoutMs,
    )
  }

  /** The call was answered or has ended. */
  settle(): void {
    this.#endWatch?.()
    this.#endWatch = undefined
  }

  /** A call with this token got no answer in time: if the token is at fault, later calls get a new one. */
  doubt(connection: Connection, token: string | undefined): void {
    if (token !== undefined) void this.#context.silentToken.isReplaced(connection, token)
  }
}
