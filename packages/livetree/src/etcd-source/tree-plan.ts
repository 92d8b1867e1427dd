/**
 * Directory that is reserved for livetree's own keys and never part of a configuration, wherever it is: another reader may
 * have a part of a layer as a layer of its own, with its removal key in it. Nor is a key of that name.
 */
export const RESERVED = '.livetree/'
const NAME = RESERVED.slice(0, -1)

/** Whether a key is one of livetree's own; it may be given as a path below the directory of a layer. */
export function isReserved(key: string): boolean {
  return key.includes(NAME) && `/${key}/`.includes(`/${RESERVED}`)
}

/** One layer: a directory in the store, and its place in the schema. */
export interface PlannedLayer {
  /** Ends in `/`. */
  readonly keyPrefix: string
  /** Where it is mounted in the schema; undefined: at the top. */
  readonly at?: string | undefined
  /** How its keys are treated that the schema does not know. */
  readonly unused: 'warn' | 'ignore'
  /** Whether it may hold no key. Default false. */
  readonly isOptional?: boolean
  /** The key of its own document besides that of the directory; undefined: none is read. */
  readonly documentKey?: string | undefined
}

/** The key by which removals are allowed, and the layers, by index, that it is for. */
export interface RemovalKey {
  readonly key: string
  readonly layers: readonly number[]
}

/** Layers, by index, that hold nothing only by mistake if all of them do. */
export interface ExpectedLayers {
  /** Their directory, which ends in `/`. */
  readonly directory: string
  readonly layers: readonly number[]
}

/** What a source reads from etcd. */
export interface TreePlan {
  readonly layers: readonly PlannedLayer[]
  /** One for each directory with livetree's own keys. */
  readonly removalKeys: readonly RemovalKey[]
  /** Every key that is read and watched begins with one of these. */
  readonly follow: readonly string[]
  readonly expected: readonly ExpectedLayers[]
}

/** A directory, and where it is mounted: each place is a layer. */
export interface MountedDirectory {
  /** Without a slash at its end. */
  readonly prefix: string
  /** Empty: at the top. */
  readonly at: readonly string[]
  readonly unused: 'warn' | 'ignore'
  readonly isOptional: boolean
}

/** The plan of directories below one that the user may read, and that is watched as a whole. */
export function planOfRoot(root: string, overlays: readonly string[]): TreePlan {
  const directory = `${root}/`
  const own = { unused: 'warn' } as const
  const layers: readonly PlannedLayer[] =
    overlays.length === 0
      ? [{ ...own, keyPrefix: directory }]
      : overlays.map((overlay) => {
          const documentKey = directory + overlay
          return { ...own, keyPrefix: `${documentKey}/`, documentKey }
        })
  const all = [...layers.keys()]
  return {
    layers,
    removalKeys: [{ key: removalKey(directory), layers: all }],
    follow: [directory],
    expected: [{ directory, layers: all }],
  }
}

/** The plan of directories of which each is watched by itself, and nothing else is read. */
export function planOfDirectories(directories: readonly MountedDirectory[]): TreePlan {
  const layers: PlannedLayer[] = []
  const removalKeys: RemovalKey[] = []
  const expected: ExpectedLayers[] = []
  for (const { prefix, at, unused, isOptional } of directories) {
    const keyPrefix = `${prefix}/`
    const places = at.length === 0 ? [undefined] : at
    const numbers = places.map((_, index) => layers.length + index)
    layers.push(...places.map((place) => ({ keyPrefix, unused, isOptional, at: place })))
    removalKeys.push({ key: removalKey(keyPrefix), layers: numbers })
    if (!isOptional) expected.push({ directory: keyPrefix, layers: numbers })
  }
  return { layers, removalKeys, follow: directories.map(({ prefix }) => `${prefix}/`), expected }
}

function removalKey(directory: string): string {
  return `${directory}${RESERVED}allow-removal`
}
