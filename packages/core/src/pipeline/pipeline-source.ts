import type { LayerInfo } from '../source/source.ts'

/** Describes one source to a pipeline. */
export interface PipelineSource {
  readonly name: string
  readonly layers: readonly LayerInfo[]
  /** See `Source.removalCommand`. */
  readonly removalCommand?: string | undefined
  /** See `Source.removalNote`. */
  readonly removalNote?: string | undefined
}
