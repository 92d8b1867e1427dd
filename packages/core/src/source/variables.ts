import { type KeyWrite, type LayerChange, type LayerInfo, type Leaf, Unreadable } from './source.ts'

/** Variables by their names, as a process or a dotenv file has them. */
type Environment = Readonly<Record<string, string | undefined>>

/** What `Variables` reads beside those of its prefix, and what it does not; see `EnvOptions`. */
export interface VariableChoice {
  readonly aliases: Readonly<Record<string, string | readonly string[]>>
  readonly otherPrefixes: readonly string[]
  /** Whether an empty text is a value. */
  readonly takesEmpty: boolean
}

/** Which variables a configuration reads, and as which layers: one for each alias, and above them that of the prefix. */
export class Variables {
  readonly #prefix: string
  readonly #otherPrefixes: readonly string[]
  readonly #takesEmpty: boolean
  /** Those that win over others come later. */
  readonly #aliases: readonly { readonly path: string; readonly name: string }[]
  readonly #aliasNames: ReadonlySet<string>

  constructor(prefix: string, { aliases, otherPrefixes, takesEmpty }: VariableChoice) {
    this.#prefix = prefix
    this.#otherPrefixes = otherPrefixes
    this.#takesEmpty = takesEmpty
    this.#aliases = Object.entries(aliases).flatMap(([path, names]) =>
      [names]
        .flat()
        .reverse()
        .map((name) => ({ path, name })),
    )
    this.#aliasNames = new Set(this.#aliases.map(({ name }) => name))
  }

  /** The layers of one environment, all of the same name: what a variable is called tells them apart. */
  layersOf(layerName: string): LayerInfo[] {
    const aliases = this.#aliases.map(
      ({ path, name }): LayerInfo => ({
        name: layerName,
        keyPrefix: name,
        separator: '/',
        naming: 'exact',
        at: path,
        listsWithCommas: true,
      }),
    )
    const own: LayerInfo = {
      name: layerName,
      keyPrefix: this.#prefix,
      separator: '__',
      naming: 'env',
      listsWithCommas: true,
    }
    return [...aliases, own]
  }

  /** The leaves of one environment, by layer. */
  leavesOf(environment: Environment): Leaf[][] {
    const aliases = this.#aliases.map(({ name }) => {
      // a name such as `constructor` is not inherited
      const value = Object.hasOwn(environment, name) ? environment[name] : undefined
      return this.#isSet(value) ? [{ path: '', value, revision: 0 }] : []
    })
    const own = Object.entries(environment)
      .filter(([name, value]) => this.#isOwn(name) && this.#isSet(value))
      .map(([name, value]) => ({ path: name.slice(this.#prefix.length), value, revision: 0 }))
    return [...aliases, own]
  }

  /** What it changes in the layers of an environment that one of its variables is set or, with `undefined`, unset. */
  changesOf({ key, value, layer }: KeyWrite): LayerChange[] {
    const first = layer - (layer % (this.#aliases.length + 1))
    const leaf = { value: this.#isSet(value) ? value : undefined, revision: 0 }
    const aliases = this.#aliases.flatMap(({ name }, index) =>
      name === key ? [{ layer: first + index, leaf: { ...leaf, path: '' } }] : [],
    )
    if (!this.#isOwn(key)) return aliases
    return [{ layer: first + this.#aliases.length, leaf: { ...leaf, path: key.slice(this.#prefix.length) } }]
  }

  /** An environment that cannot be read at all: the tree is invalid. */
  unreadable(reason: string): Leaf[][] {
    return [...this.#aliases.map(() => []), [{ path: '', value: new Unreadable(reason), revision: 0 }]]
  }

  #isOwn(name: string): boolean {
    if (!name.startsWith(this.#prefix) || name.length === this.#prefix.length) return false
    return !this.#aliasNames.has(name) && !this.#otherPrefixes.some((other) => name.startsWith(other))
  }

  #isSet(value: unknown): boolean {
    return value !== undefined && (this.#takesEmpty || value !== '')
  }
}
