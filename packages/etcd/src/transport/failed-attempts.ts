import type { Fate } from '../error-codes.ts'
import { type EtcdError, isSettingError } from '../errors.ts'
import type { Endpoint } from './endpoint.ts'
import { isPuzzling } from './network-errors.ts'
import { worseFate } from './retry.ts'

/** The attempts of one call that failed and are made again; those since all endpoints were last tried are a round. */
export class FailedAttempts {
  readonly #round = new Map<Endpoint, EtcdError>()
  /** Of the round, those that refused and could not be shown to be etcd. */
  readonly #unproven = new Set<Endpoint>()
  #lastError: EtcdError | undefined
  #untold: EtcdError | undefined
  #fate: Fate = 'not_sent'
  /** Rounds that are over. */
  rounds = 0

  /** What became of the request, at worst. */
  get fate(): Fate {
    return this.#fate
  }

  get lastError(): EtcdError | undefined {
    return this.#lastError
  }

  /** No endpoint of this round failed in a way that time may heal. */
  get isHopeless(): boolean {
    return [...this.#round].every(
      ([endpoint, error]) => isSettingError(error) || this.#unproven.has(endpoint),
    )
  }

  /** The endpoint failed in this round. */
  has(endpoint: Endpoint): boolean {
    return this.#round.has(endpoint)
  }

  note(endpoint: Endpoint, error: EtcdError): void {
    this.count(error)
    this.#round.set(endpoint, error)
    this.#lastError = error
    this.#untold = error
  }

  /** As `note`, for a refusal that may not be etcd's own: another endpoint may know better, time does not. */
  noteUnproven(endpoint: Endpoint, error: EtcdError): void {
    this.note(endpoint, error)
    this.#unproven.add(endpoint)
  }

  /** What the call waits for could not be had so far: no attempt of its own. */
  wait(error: EtcdError): void {
    this.#lastError = error.with({ fate: 'not_sent' })
    this.#untold = this.#lastError
  }

  /** An attempt that failed for a reason that is not the endpoint's. */
  count(error: EtcdError): void {
    this.#fate = worseFate(this.#fate, error.fate)
  }

  /** The last error, once: for a caller who wants to hear of attempts that are made again. */
  takeUntold(): EtcdError | undefined {
    const untold = this.#untold
    this.#untold = undefined
    return untold
  }

  /**
   * Finds out what the endpoints are that said nothing at all; `undefined` when that would tell nothing new. Once per
   * call, since asking takes its time.
   */
  diagnose(call: string): Promise<unknown> | undefined {
    if (this.rounds > 0) return undefined
    const puzzles = [...this.#round].filter(([, error]) => isPuzzling(error))
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

/** The endpoints that failed in this round, and those that are being waited for. */
export function triedOf(
  failures: FailedAttempts | undefined,
  waiting: ReadonlySet<Endpoint> | undefined,
): { has(endpoint: Endpoint): boolean } | undefined {
  if (waiting === undefined) return failures
  return { has: (endpoint) => waiting.has(endpoint) || (failures?.has(endpoint) ?? false) }
}
