import type { EnvelopeKey } from '../encryption/key-set.ts'
import type { LivetreeError } from '../errors.ts'
import { type AskLimits, askOrigin, silent } from './ask-origin.ts'
import type { ReadableOrigin } from './key-origin.ts'
import { mergeKeys } from './merge-keys.ts'

/** What the origins of a keyring have given. */
export interface KeysRead {
  /** All keys. */
  readonly keys: readonly EnvelopeKey[]
  /** The one to encrypt with: the first of `current`. */
  readonly current: EnvelopeKey | undefined
  /** Why a previous origin has given none; undefined where all have answered. */
  readonly failure: LivetreeError | undefined
}

type Answer = { readonly keys: readonly EnvelopeKey[] } | { readonly error: LivetreeError }

/** All origins of a keyring, asked once. Their answers come one by one, each within its own limit. */
export class KeyAnswers {
  /** Resolves when there are keys to use; rejects with `keys_unavailable`, naming the origin, when there will be none. */
  readonly usable: Promise<void>
  /** Resolves when all origins have answered or failed. */
  readonly all: Promise<void>
  readonly #origins: readonly ReadableOrigin[]
  readonly #hasCurrent: boolean
  readonly #answers = new Map<ReadableOrigin, Answer>()

  constructor(origins: readonly ReadableOrigin[], hasCurrent: boolean, limits: AskLimits) {
    this.#origins = origins
    this.#hasCurrent = hasCurrent
    const readings = origins.map((origin) => this.#ask(origin, limits))
    this.all = Promise.allSettled(readings).then(() => {})
    this.usable = this.#first(readings)
    this.usable.catch(() => {})
  }

  /**
   * What was given so far.
   *
   * @throws OriginError where two keys have one id
   */
  get read(): KeysRead {
    const answers = this.#origins.map(
      (origin) => this.#answers.get(origin) ?? { error: silent(origin, 'yet') },
    )
    const given = answers.map((answer) => ('keys' in answer ? answer.keys : []))
    const failed = answers.find((answer) => 'error' in answer)
    const current = this.#hasCurrent ? given[0]?.[0] : undefined
    return { keys: mergeKeys(given), current, failure: failed?.error }
  }

  async #ask(origin: ReadableOrigin, limits: AskLimits): Promise<void> {
    try {
      this.#answers.set(origin, { keys: await askOrigin(origin, limits) })
    } catch (error) {
      this.#answers.set(origin, { error: error as LivetreeError })
      throw error
    }
  }

  /** Resolves with the answer of the current origin; where there is none, with the first that gives keys. */
  async #first(readings: readonly Promise<void>[]): Promise<void> {
    const [first] = readings
    if (first === undefined) return
    if (this.#hasCurrent) return first
    await Promise.any(readings).catch(() => first)
  }
}
