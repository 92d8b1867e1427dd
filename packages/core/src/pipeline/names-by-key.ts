/** Finds names of a record that give the same key. Names that are their own keys cannot, and are not looked up while all are. */
export class NamesByKey {
  readonly #own: string[] = []
  #names: Map<string, string> | undefined = undefined

  /** Notes the key that a name gives. Returns the name that gave it before, if one did. */
  add(key: string, name: string): string | undefined {
    if (this.#names === undefined && key === name) {
      this.#own.push(name)
      return undefined
    }
    this.#names ??= new Map(this.#own.map((each) => [each, each]))
    const other = this.#names.get(key)
    this.#names.set(key, name)
    return other
  }
}
