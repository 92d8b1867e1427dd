/** A location in the configuration: property names, record keys and array indexes. */
export type Path = readonly (string | number)[]

/** Where a value came from. */
export interface Origin {
  /** Name of the source, e.g. `etcd`. */
  readonly source: string
  /** Name of the layer, e.g. `etcd:/config/checkout/prod`. */
  readonly layer: string
  /** The key as the store knows it, without the namespace of a client, e.g. `/config/checkout/prod/db/pool/max`. */
  readonly key: string
  /** Store revision that last wrote it; 0 where the source has none. */
  readonly revision: number
}

/** One thing that is wrong with a tree. Never holds a secret value. */
export interface Issue {
  readonly path: Path
  /** `db.pool.max` */
  readonly pathText: string
  /** What is wrong and what was expected, in words. */
  readonly message: string
  /**
   * zod's own issue code, or one of ours: `conflict`, `unreadable`, `unused`, `guard`, `async_schema`, `schema_error`,
   * `unwritable`, `more`.
   */
  readonly code: string
  readonly expected: string | undefined
  /** What was found, redacted where the schema says secret, cut to 80 characters. */
  readonly received: string | undefined
  /** The leaves the issue speaks of: none for a missing value, two for a conflict. */
  readonly origins: readonly Origin[]
}

/** A key the schema does not know. */
export interface UnusedKey {
  readonly origin: Origin
  readonly pathText: string
  /** True where the key is known, and the name stands in its value: in a document, or an item of a list. `pathText` has the name. */
  readonly isInside: boolean
  /** What may have been meant: a name in the schema that looks alike, or for a variable the whole environment variable. */
  readonly didYouMean: string | undefined
  /** Why no schema could have a place for it, if that is so. */
  readonly reason: string | undefined
}
