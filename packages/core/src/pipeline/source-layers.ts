import { itemAt } from '../item-at.ts'
import type { NamedLayer } from './issue-writer.ts'
import type { PipelineSource } from './pipeline-source.ts'
import { directoriesInside, type IsIgnored } from './unused-keys.ts'

/** The layers of all sources, numbered through. */
export class SourceLayers {
  readonly all: readonly NamedLayer[]
  /** Number of each source's first layer. */
  readonly #firsts: readonly number[]
  /** By layer: the directories of other layers of its source that are inside its own. */
  readonly #inside: readonly (readonly string[])[]
  readonly #reported: ReadonlySet<string> | undefined

  /** @param reported as that of `PipelineOptions` */
  constructor(sources: readonly PipelineSource[], reported?: ReadonlySet<string>) {
    this.#reported = reported
    this.all = sources.flatMap((source) => source.layers.map((layer) => ({ ...layer, source: source.name })))
    this.#inside = this.all.map((layer) => directoriesInside(layer, this.all))
    this.#firsts = sources.map((_, index) =>
      sources.slice(0, index).reduce((count, source) => count + source.layers.length, 0),
    )
  }

  /** The number of a source's first layer. */
  first(source: number): number {
    return itemAt(this.#firsts, source)
  }

  /** The layers of a source with their numbers. */
  of(source: number): readonly { readonly info: NamedLayer; readonly layer: number }[] {
    const first = this.first(source)
    const end = this.#firsts[source + 1] ?? this.all.length
    return this.all.slice(first, end).map((info, index) => ({ info, layer: first + index }))
  }

  /** A key that another layer reads is no mistake where it stands, be it that others mount it elsewhere. */
  readonly isIgnored: IsIgnored = (layer, key) => {
    if (this.#reported === undefined) {
      if (itemAt(this.all, layer).unused === 'ignore') return true
    } else if (!this.#reported.has(key())) return true
    const inside = itemAt(this.#inside, layer)
    return inside.length > 0 && inside.some((directory) => key().startsWith(directory))
  }
}
