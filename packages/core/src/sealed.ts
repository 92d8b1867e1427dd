import { inspect } from 'node:util'
import type { DeepReadonly } from './deep-readonly.ts'
import { SECRET_TEXT } from './secret-text.ts'

/**
 * Holds a value that only `reveal()` gives. It has no properties, so that a spread, `structuredClone`, `Object.entries`,
 * `console.dir`, a logger that copies properties and the diff of a failed assertion have nothing to show; as text and as
 * JSON it is `[secret]`. For the same reason two holders look equal to `assert.deepEqual`: compare what they reveal.
 */
export class Sealed<T> {
  readonly #content: DeepReadonly<T>

  constructor(content: T) {
    this.#content = content as DeepReadonly<T>
    Object.freeze(this)
  }

  /** The value itself. It is immutable, like every part of the configuration. */
  reveal(): DeepReadonly<T> {
    return this.#content
  }

  toString(): string {
    return SECRET_TEXT
  }

  toJSON(): string {
    return SECRET_TEXT
  }

  [inspect.custom](): string {
    return SECRET_TEXT
  }
}

/** What a holder reveals; any other value as it is. */
export function unsealed(value: unknown): unknown {
  return value instanceof Sealed ? value.reveal() : value
}
