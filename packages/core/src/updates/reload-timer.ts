/** The result of judging an update of a source. */
export interface Reload {
  /** `unchanged`: the tree is valid, and its value was in service already. */
  readonly result: 'applied' | 'unchanged' | 'rejected'
  /** The source whose update it was. */
  readonly source: string
  /** What the source delivered: changes, or its whole tree, of which it is not known what wrote it. */
  readonly type: 'patch' | 'replace'
  /** The revisions that wrote the changes that were judged together; for a whole tree the one that it was read at. */
  readonly revisions: readonly number[]
  /** Identifies the store of the source, where the source can tell stores apart; of etcd the cluster's id, in hexadecimal. */
  readonly store: string | undefined
  /** Counts the stores that the source has had: revisions of two epochs do not compare, also where `store` is the same. */
  readonly epoch: number
  /** When the update was taken, in milliseconds since the Unix epoch. */
  readonly startedAt: number
  /**
   * How long it took, in milliseconds: `validate` to put it in the tree and to validate that, `apply` to put the value in
   * service and to call the listeners, up to where they return.
   */
  readonly durationsMs: { readonly validate: number; readonly apply: number }
}

/** Times one reload. Made only while somebody measures. */
export class ReloadTimer {
  readonly #startedAt: number
  readonly #since = performance.now()
  #validatedAt = this.#since

  /** @param now in milliseconds since the Unix epoch */
  constructor(now: number) {
    this.#startedAt = now
  }

  /** The result of validation is known. */
  validated(): void {
    this.#validatedAt = performance.now()
  }

  /** The result is in service, or reported. What there is in it is frozen; names are written out, since each change has one. */
  end({ result, source, type, revisions, store, epoch }: Omit<Reload, 'startedAt' | 'durationsMs'>): Reload {
    const validate = this.#validatedAt - this.#since
    const apply = performance.now() - this.#validatedAt
    const durationsMs = Object.freeze({ validate, apply })
    const startedAt = this.#startedAt
    return { result, source, type, revisions: Object.freeze(revisions), store, epoch, startedAt, durationsMs }
  }
}
