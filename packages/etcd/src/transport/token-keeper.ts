import { EtcdError } from '../errors.ts'

/** User and password for a cluster with auth enabled. */
export interface Credentials {
  readonly username: string
  readonly password: string
}

/**
 * Holds the token that calls carry. All callers that find it missing or expired share one Authenticate call
 *.
 */
export class TokenKeeper {
  readonly #authenticate: (() => Promise<string>) | undefined
  readonly #onDisabled: () => void
  #token: string | undefined
  #refreshing: Promise<void> | undefined
  /** The cluster has auth disabled: calls are sent without a token until one is refused. */
  #isDisabled = false

  /**
   * Without `authenticate`, calls carry no token. `onDisabled` is called if credentials were given but auth
   * is disabled.
   */
  constructor(authenticate: (() => Promise<string>) | undefined, onDisabled: () => void) {
    this.#authenticate = authenticate
    this.#onDisabled = onDisabled
  }

  get hasCredentials(): boolean {
    return this.#authenticate !== undefined
  }

  /** The token for the next call, if there is one. */
  get token(): string | undefined {
    return this.#token
  }

  /** True if a token has to be fetched before the next call. */
  get isMissing(): boolean {
    return this.#authenticate !== undefined && this.#token === undefined && !this.#isDisabled
  }

  /** Fetches a new token, unless the current one is no longer `used`, because it was replaced meanwhile. */
  refresh(used?: string | undefined): Promise<void> {
    if (this.#authenticate === undefined) return Promise.resolve()
    if (this.#refreshing === undefined) {
      if (used !== undefined && this.#token !== undefined && used !== this.#token) return Promise.resolve()
      this.#refreshing = this.#fetch(this.#authenticate).finally(() => {
        this.#refreshing = undefined
      })
    }
    return this.#refreshing
  }

  async #fetch(authenticate: () => Promise<string>): Promise<void> {
    try {
      this.#token = await authenticate()
      this.#isDisabled = false
    } catch (error) {
      if (!(error instanceof EtcdError) || error.code !== 'auth_not_enabled') throw error
      // Like Go's client: if auth is enabled later, calls are refused and a token is fetched.
      if (!this.#isDisabled) this.#onDisabled()
      this.#isDisabled = true
      this.#token = undefined
    }
  }
}
