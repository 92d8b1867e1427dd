import { checkOptions, type OptionTable } from '../check-options.ts'
import { callback, flag, list, text } from '../option-kinds.ts'
import { flatten } from '../source/flatten.ts'
import type { LayerInfo, Leaf, Source, SourceSink } from '../source/source.ts'

/** Options of `createManualSource`. */
export interface ManualSourceOptions {
  /** Default `manual`. */
  readonly name?: string | undefined
  /** Whether it simulates a store, which sends proofs of freshness and can disconnect. Default true. */
  readonly isRemote?: boolean | undefined
  /** Default: one layer with the name of the source, naming `exact` and separator `/`. */
  readonly layers?: readonly LayerInfo[] | undefined
  /** Implements `refresh`. Default: resolves immediately. */
  readonly refresh?: ((signal: AbortSignal) => Promise<void>) | undefined
}

/** A source controlled by a test. Supports one connection at a time. */
export interface ManualSource extends Source {
  /** The sink of the open connection. @throws Error if the source is not open */
  readonly sink: SourceSink
  readonly isOpen: boolean
  /** Calls `sink.replace` with nested plain objects, one for each layer. @throws Error if the source is not open */
  replace(
    revision: number,
    values: object | readonly object[],
    more?: { readonly epoch?: number; readonly allowRemoval?: boolean },
  ): void
  /**
   * Calls `sink.patch` with paths and values of the first layer; `undefined` removes a leaf.
   *
   * @throws Error if the source is not open
   */
  patch(
    revision: number,
    values: Readonly<Record<string, unknown>>,
    more?: { readonly allowRemoval?: boolean },
  ): void
}

const OPTIONS: OptionTable = { name: text, isRemote: flag, layers: list, refresh: callback }

/**
 * Creates a source that a test drives step by step, to simulate a store that is late, disconnects or goes back in time.
 *
 * @throws LivetreeError `invalid_options`
 */
export function createManualSource(options: ManualSourceOptions = {}): ManualSource {
  checkOptions('createManualSource()', options, OPTIONS)
  const { name = 'manual', isRemote = true, refresh = async () => {} } = options
  const layers = options.layers ?? [{ name, keyPrefix: '', separator: '/', naming: 'exact' }]
  let open: SourceSink | undefined
  const sink = () => {
    if (open === undefined) throw new Error(`Source ${name} is not open`)
    return open
  }
  const leavesAt = (revision: number) => (value: object) =>
    flatten(value).map((leaf): Leaf => ({ ...leaf, revision }))

  return {
    name,
    layers,
    isRemote,
    get sink() {
      return sink()
    },
    get isOpen() {
      return open !== undefined
    },
    replace(revision, values, { epoch = 0, ...more } = {}) {
      const list: readonly object[] = Array.isArray(values) ? values : [values]
      sink().replace({ revision, epoch, layers: list.map(leavesAt(revision)), ...more })
    },
    patch(revision, values, more = {}) {
      const changes = Object.entries(values).map(([path, value]) => ({
        layer: 0,
        leaf: { path, value, revision },
      }))
      sink().patch({ revision, changes, ...more })
    },
    open(context) {
      open = context.sink
      return {
        refresh,
        close: async () => {
          open = undefined
        },
      }
    },
  }
}
