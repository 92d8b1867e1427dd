import type { Logger } from '../logger.ts'

/** With this limit or a lower one, a server is soon at capacity: each watch stream and lease stream occupies one call. */
const FEW_CALLS = 4

/** Warns once of an endpoint that accepts few concurrent calls. */
export class FewCallsWarning {
  readonly #url: string
  readonly #logger: Logger
  #isWarned = false

  constructor(url: string, logger: Logger) {
    this.#url = url
    this.#logger = logger
  }

  /** @param maxCalls number of concurrent calls that the server accepts over one connection */
  check(maxCalls: number): void {
    if (maxCalls > FEW_CALLS || this.#isWarned) return
    this.#isWarned = true
    this.#logger.warn(
      'The server takes few calls at a time over one connection, and every open watch or lease stream is one: raise its limit of concurrent HTTP/2 streams',
      { endpoint: this.#url, maxCalls },
    )
  }
}
