import { createSecretKey, type KeyObject } from 'node:crypto'
import { inspect } from 'node:util'

/** A key with its id, which stands in each envelope that was made with it. */
export interface EnvelopeKey {
  readonly id: string
  /** A `KeyObject` shows nothing of the key, however it is printed. */
  readonly key: KeyObject
}

/** What happens to plain text where the schema asks for an envelope. */
export type PlaintextPolicy = 'reject' | 'accept'

/** What a `KeySet` is made of. */
export interface KeySetParts {
  /** Those to open with, `current` among them. */
  readonly keys?: readonly EnvelopeKey[]
  /** The one to encrypt with. Default: nothing can be encrypted. */
  readonly current?: EnvelopeKey | undefined
  /** Default `reject`. */
  readonly plaintext?: PlaintextPolicy
  /** Why there is no key, in words for an issue; undefined where there are keys. */
  readonly absence?: string | undefined
  /** Called with the id of a key that is asked for and is not there; must not throw, and must return at once. */
  readonly onMissing?: ((id: string) => void) | undefined
}

/** The keys that are at hand at one time. Immutable; printing it shows their ids. */
export class KeySet {
  /** The key to encrypt with; undefined where there is none. */
  readonly current: EnvelopeKey | undefined
  readonly plaintext: PlaintextPolicy
  readonly absence: string | undefined
  readonly #keys: ReadonlyMap<string, EnvelopeKey>
  readonly #onMissing: ((id: string) => void) | undefined

  constructor({ keys = [], current, plaintext = 'reject', absence, onMissing }: KeySetParts = {}) {
    this.current = current
    this.#keys = new Map(keys.map((key) => [key.id, key]))
    this.plaintext = plaintext
    this.absence = absence
    this.#onMissing = onMissing
  }

  /** The ids of all keys, the current one first. */
  get ids(): readonly string[] {
    return [...this.#keys.keys()]
  }

  /** The keys of the set whose ids are not among others. */
  keysBeside(others: readonly EnvelopeKey[]): readonly EnvelopeKey[] {
    const ids = new Set(others.map(({ id }) => id))
    return [...this.#keys.values()].filter(({ id }) => !ids.has(id))
  }

  /** The key with an id; whoever gave the keys is notified that it is missing. */
  find(id: string): EnvelopeKey | undefined {
    const found = this.#keys.get(id)
    if (found === undefined) this.#onMissing?.(id)
    return found
  }

  /** Whether another set opens and makes the same envelopes. */
  isSame(other: KeySet): boolean {
    const { ids } = this
    return (
      this.current?.id === other.current?.id &&
      this.plaintext === other.plaintext &&
      this.absence === other.absence &&
      ids.length === other.ids.length &&
      ids.every((id) => this.#keys.get(id)?.key.equals(other.#keys.get(id)?.key ?? NO_KEY) === true)
    )
  }

  toJSON(): object {
    return { current: this.current?.id, ids: this.ids, plaintext: this.plaintext }
  }

  [inspect.custom](_depth: number, options: object): string {
    return `KeySet ${inspect(this.toJSON(), options)}`
  }
}

const NO_KEY = createSecretKey(Buffer.alloc(1))

/** For tools that look at texts before they are encrypted. */
export const PLAIN_TEXTS = new KeySet({ plaintext: 'accept', absence: 'no keys were given' })

/** What `load` has without `keys`. */
export const NO_KEYS = new KeySet({ absence: 'no keys were given' })
