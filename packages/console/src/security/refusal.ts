import type { ErrorView } from '../wire/index.ts'

/** The status codes that the console answers with when something fails. */
export type FailureStatus = 400 | 401 | 403 | 404 | 409 | 410 | 413 | 415 | 421 | 422 | 500 | 503 | 504

/** A request that is not served. The message is for the one who asks. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly status: FailureStatus
  readonly view: ErrorView

  constructor(
    status: FailureStatus,
    code: string,
    message: string,
    more: Partial<Pick<ErrorView, 'issues' | 'conflicts'>> = {},
  ) {
    super(message)
    this.status = status
    this.view = { code, message, issues: [], conflicts: [], ...more }
  }
}
