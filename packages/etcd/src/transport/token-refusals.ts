import { type EtcdError, isFinalError } from '../errors.ts'
import { isUnknownToken } from './status.ts'

/**
 * How often a token may be missing, or a new one unknown, which is sent again after a pause, since the member may lag behind
 * the one that issued it. Outdated tokens are replaced until the call's deadline.
 */
const MAX_TOKEN_REFUSALS = 4

/** How often the token of one call was refused, or left unanswered. */
export class TokenRefusals {
  #count = 0

  get count(): number {
    return this.#count
  }

  add(): void {
    this.#count += 1
  }

  /** True if the call goes on with another token after this error. */
  allows(error: EtcdError): boolean {
    return this.#count < MAX_TOKEN_REFUSALS || !isFinalError(error)
  }

  /** True if the member may not know the newest token yet, so that the same one is sent again. */
  isLagging(error: EtcdError): boolean {
    return isUnknownToken(error) && this.#count <= MAX_TOKEN_REFUSALS
  }

  /** True if no further token is tried because one was left unanswered. */
  get areMany(): boolean {
    return this.#count >= MAX_TOKEN_REFUSALS
  }
}
