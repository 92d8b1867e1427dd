/**
 * Copies of values as plain data, which can be stored: a configuration with a secret in it would conceal that from
 * `JSON.stringify`. Parts that several values share are shared by their copies.
 */
export class PlainCopies {
  readonly #copies = new WeakMap<object, unknown>()

  of(value: unknown): unknown {
    if (typeof value !== 'object' || value === null) return value
    const known = this.#copies.get(value)
    if (known !== undefined) return known
    const copy = Array.isArray(value)
      ? value.map((each) => this.of(each))
      : Object.fromEntries(Object.entries(value).map(([name, each]) => [name, this.of(each)]))
    this.#copies.set(value, copy)
    return copy
  }
}
