import { encodeSegment } from '@livetree/core/tools'

/** The limit of one request to the store. */
export const CALL = { timeoutMs: 5_000 } as const

/** Where everything for operators is kept, outside of the trees. */
export const OPERATIONS_PREFIX = '/.livetree'

/** The keys that instances write. */
export class OperationsKeys {
  readonly #prefix: string

  /** @param prefix with or without a slash at its end */
  constructor(prefix: string) {
    this.#prefix = prefix.replace(/\/+$/, '')
  }

  /** The directory of all instances. */
  get instances(): string {
    return `${this.#prefix}/instances/`
  }

  instance(name: string, id: string): string {
    return `${this.instances}${encodeSegment(name)}/${encodeSegment(id)}`
  }

  schema(fingerprint: string): string {
    return `${this.#prefix}/schemas/${fingerprint}`
  }
}
