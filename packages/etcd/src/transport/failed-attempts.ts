import type { Fate } from '../error-codes.ts'
import { type EtcdError, isSettingError } from '../errors.ts'
import type { Endpoint } from './endpoint.ts'
import { needsDiagnosis } from './network-errors.ts'
import { worseFate } from './retry.ts'

/** The failed attempts of one call. A round covers the attempts since all endpoints were last tried. */
export class FailedAttempts {
  readonly #round = new Map<Endpoint, EtcdError>()
  /** Endpoints of this round that refused the call and could not be verified to be etcd. */
  readonly #unproven = new Set<Endpoint>()
  #lastError: EtcdError | undefined
  #untold: EtcdError | undefined
  #fate: Fate = 'not_sent'
  /** Number of finished rounds. */
  rounds = 0

  /** The worst possible fate of the request so far. */
  get fate(): Fate {
    return this.#fate
  }

  get lastError(): EtcdError | undefined {
    return this.#lastError
  }

  /** True if no endpoint of this round failed for a reason that may go away with time. */
  get isHopeless(): boolean {
    return [...this.#round].every(
      ([endpoint, error]) => isSettingError(error) || this.#unproven.has(endpoint),
    )
  }

  /** True if the endpoint failed in this round. */
  has(endpoint: Endpoint): boolean {
    return this.#round.has(endpoint)
  }

  note(endpoint: Endpoint, error: EtcdError): void {
    this.count(error)
    this.#round.set(endpoint, error)
    this.#lastError = error
    this.#untold = error
  }

  /**
   * Like `note`, for a refusal that may not come from etcd: another endpoint may accept the call, waiting
   * does not help.
   */
  noteUnproven(endpoint: Endpoint, error: EtcdError): void {
    this.note(endpoint, error)
    this.#unproven.add(endpoint)
  }

  /** Records that something the call waits for has failed; the call itself was not attempted. */
  wait(error: EtcdError): void {
    this.#lastError = error.with({ fate: 'not_sent' })
    this.#untold = this.#lastError
  }

  /** Counts the fate of an attempt that failed for a reason other than its endpoint. */
  count(error: EtcdError): void {
    this.#fate = worseFate(this.#fate, error.fate)
  }

  /** Returns the last error once, to report it to the caller. */
  takeUntold(): EtcdError | undefined {
    const untold = this.#untold
    this.#untold = undefined
    return untold
  }

  /**
   * Diagnoses the endpoints that closed the connection before sending anything; `undefined` if there are
   * none. Only once per call, because it takes time.
   */
  diagnose(call: string): Promise<unknown> | undefined {
    if (this.rounds > 0) return undefined
    const puzzles = [...this.#round].filter(([, error]) => needsDiagnosis(error))
    if (puzzles.length === 0) return undefined
    const replace = async ([endpoint, error]: [Endpoint, EtcdError]): Promise<void> => {
      const found = (await endpoint.diagnose(error))?.with({ call })
      if (found === undefined) return
      this.#round.set(endpoint, found)
      if (this.#lastError === error) this.#lastError = found
      if (this.#untold === error) this.#untold = found
    }
    return Promise.all(puzzles.map(replace))
  }

  beginRound(): void {
    this.#round.clear()
    this.#unproven.clear()
  }
}

/** The endpoints that failed in this round and those being waited for. */
export function triedOf(
  failures: FailedAttempts | undefined,
  waiting: ReadonlySet<Endpoint>,
): { has(endpoint: Endpoint): boolean } {
  return { has: (endpoint) => waiting.has(endpoint) || (failures?.has(endpoint) ?? false) }
}
