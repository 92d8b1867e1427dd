import { flatten } from '../source/flatten.ts'
import type { LayerInfo, Leaf, Source, SourceSink } from '../source/source.ts'

export interface ManualSourceOptions {
  /** Default `manual`. */
  readonly name?: string | undefined
  /** Default true: it stands for a store, which proves that it is alive and can be lost. */
  readonly isRemote?: boolean | undefined
  /** Default: one layer named as the source, with the schema's own names and `/` between segments. */
  readonly layers?: readonly LayerInfo[] | undefined
  /** What `refresh` does. Default: resolves at once. */
  readonly refresh?: ((signal: AbortSignal) => Promise<void>) | undefined
}

/** A source that says what a test has it say. One connection at a time. */
export interface ManualSource extends Source {
  /** Where it reports while it is open. @throws Error when it is not */
  readonly sink: SourceSink
  readonly isOpen: boolean
  /** `sink.replace` with nested plain objects, one for each layer. */
  replace(
    revision: number,
    values: object | readonly object[],
    more?: { readonly epoch?: number; readonly allowRemoval?: boolean },
  ): void
  /** `sink.patch` with paths and values of the first layer; undefined removes. */
  patch(
    revision: number,
    values: Readonly<Record<string, unknown>>,
    more?: { readonly allowRemoval?: boolean },
  ): void
}

/** Makes a source that is driven by hand, to play what a store may do: late, lost, going back, in any order. */
export function createManualSource(options: ManualSourceOptions = {}): ManualSource {
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
