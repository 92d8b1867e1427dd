import { checkOptions, optionKinds, type OptionTable, parsePathText } from '@livetree/core/source'
import { LivetreeError } from '@livetree/core'
import { type MountedDirectory, RESERVED } from './tree-plan.ts'

/** A directory in the store that is read as a layer, and nothing outside of it. */
export interface EtcdLayer {
  /** The directory, e.g. `/config/shared/redis`, without a slash at its end: every key below it belongs to the layer. */
  readonly prefix: string
  /**
   * Where the directory is mounted: a path of the schema in the schema's own names, such as `redis` or `cache.redis`, or
   * several of them. Default: the top of the schema.
   */
  readonly at?: string | readonly string[]
  /**
   * How keys are treated that the schema does not know: `warn` does what the definition's `unused` says, `ignore` leaves
   * them out of it. Default `ignore` with `at`, because others share the directory, otherwise `warn`.
   */
  readonly unused?: 'warn' | 'ignore'
  /** Whether the directory may hold no key at all; otherwise that is logged as a warning. Default false. */
  readonly optional?: boolean
}

const LAYER_TABLE: OptionTable = {
  prefix: {
    expected: 'a directory such as "/config/shared/redis"; the whole store cannot be a layer',
    test: (prefix) => typeof prefix === 'string' && !/^\/*$/.test(prefix),
    isShown: true,
  },
  at: {
    expected: 'a path of the schema such as "cache.redis", or a list of them',
    test: (at) => optionKinds.text.test(at) || (optionKinds.listOfTexts.test(at) && (at as []).length > 0),
    isShown: true,
  },
  unused: optionKinds.oneOf('warn', 'ignore'),
  optional: optionKinds.flag,
}

/**
 * The directories of layers.
 *
 * @throws LivetreeError `invalid_options` for layers that cannot be meant
 */
export function resolveDirectories(layers: readonly EtcdLayer[]): readonly MountedDirectory[] {
  const directories: MountedDirectory[] = []
  for (const [index, one] of layers.entries()) {
    const option = `layers[${index}]`
    // Its properties are read once.
    const layer = optionKinds.isObject(one) ? { ...one } : one
    checkOptions(`etcd() in ${option}`, layer, LAYER_TABLE)
    if (layer.prefix === undefined) throw invalid(`${option} has no prefix`, 'a directory of the store')
    const { at = [], optional = false } = layer
    const given = [at].flat()
    const ids = given.map(placeId)
    const places = given.filter((place, index) => ids.indexOf(placeId(place)) === index)
    const { unused = places.length > 0 ? 'ignore' : 'warn' } = layer
    const prefix = directoryOf(`${option}.prefix`, layer.prefix)
    for (const [before, other] of directories.entries())
      assertApart({ option, prefix, at: places }, { ...other, option: `layers[${before}]` })
    directories.push(Object.freeze({ prefix, at: places, unused, isOptional: optional }))
  }
  return directories
}

/**
 * The directory of a root, and the names of its overlays.
 *
 * @throws LivetreeError `invalid_options` for overlays that cannot be meant
 */
export function resolveRoot(root: string, overlays: readonly string[]) {
  const names: string[] = []
  for (const [index, overlay] of overlays.entries()) {
    const option = `overlays[${index}]`
    if (/^\/*$/.test(overlay))
      throw invalid(
        `${option} = ${JSON.stringify(overlay)} names no directory`,
        'the name of a directory below the root; without overlays the root itself is read',
      )
    if (overlay.startsWith('/'))
      throw invalid(
        `${option} = ${JSON.stringify(overlay)}, which begins with a slash, as it does where a variable for its first name is empty`,
        'the directory below the root without a slash before it',
      )
    const name = directoryOf(option, overlay)
    for (const [before, other] of names.entries())
      assertApart({ option, prefix: name, at: [] }, { option: `overlays[${before}]`, prefix: other, at: [] })
    names.push(name)
  }
  return { root: directoryOf('root', root), overlays: names }
}

interface Placed {
  readonly option: string
  readonly prefix: string
  readonly at: readonly string[]
}

/** Refuses two layers of one directory, and one inside another at the same place: its keys would be read twice. */
function assertApart(layer: Placed, other: Placed): void {
  if (layer.prefix === other.prefix) {
    const remedy =
      layer.at.length + other.at.length === 0
        ? 'each directory once'
        : "one layer with both places, such as at: ['redis', 'cache.redis']"
    throw invalid(`${layer.option} and ${other.option} are both ${layer.prefix}`, remedy)
  }
  const places = new Set(other.at.map(placeId))
  const isSamePlace =
    layer.at.length + other.at.length === 0 || layer.at.some((at) => places.has(placeId(at)))
  if (!isSamePlace) return
  const [outer, inner] = layer.prefix.length < other.prefix.length ? [layer, other] : [other, layer]
  if (!inner.prefix.startsWith(`${outer.prefix}/`)) return
  throw invalid(
    `${inner.option} (${inner.prefix}) is inside ${outer.option} (${outer.prefix}), so its keys would belong to both`,
    'directories beside each other',
  )
}

/** A path of the schema may be written in several ways, such as `redis` and `"redis"`. */
function placeId(at: string): string {
  return JSON.stringify(parsePathText(at))
}

/** Names that a template literal makes of a value that is missing; `undefined` and the like also as a part of a name. */
const NO_NAME = /(?:^|\/)null(?:\/|$)|(?<![\p{L}\p{N}])(?:undefined|NaN|\[object \w+\])(?![\p{L}\p{N}])/u

interface Fault {
  /** What is wrong with a directory; undefined where this is not. */
  of(directory: string): string | undefined
  readonly expected: string
}

function fault(isThere: (directory: string) => boolean, what: string, expected: string): Fault {
  return { of: (directory) => (isThere(directory) ? what : undefined), expected }
}

/** What no directory has that is meant. */
const FAULTS: readonly Fault[] = [
  fault((directory) => directory.includes('//'), 'has two slashes in a row', 'one slash between two names'),
  fault(
    (directory) => directory.endsWith('/'),
    'ends in a slash, as it does where a variable for its last name is empty',
    'the directory without a slash at its end, if all of it is meant',
  ),
  fault((directory) => !directory.isWellFormed(), 'has half of a surrogate pair', 'UTF-8 text'),
  fault(
    (directory) => /\p{Cc}/u.test(directory),
    'has a control character in it, such as the end of a line',
    'names without one',
  ),
  fault(
    (directory) => /(?:^|\/)\s|\s(?:\/|$)/u.test(directory),
    'has a name that begins or ends with a blank',
    'the name without it',
  ),
  {
    of: (directory) => {
      const word = NO_NAME.exec(directory)?.[0].replaceAll('/', '')
      return word && `has ${word} in it, which is what a missing value becomes in a text`
    },
    expected: 'the name of a directory; check that the variable is set',
  },
  fault(
    (directory) => directory.split('/').includes(RESERVED.slice(0, -1)),
    "holds livetree's own keys",
    'another directory',
  ),
  {
    of: (directory) => {
      const odd = directory.split('/').find((name) => name === '.' || name === '..')
      return odd && `has ${odd} in it, which is a name like any other in etcd`
    },
    expected: 'the directory itself; for one outside of the root use layers, each with its whole prefix',
  },
]

/** A directory that can be meant: as it is before a slash and a name. */
function directoryOf(option: string, directory: string): string {
  const shown = JSON.stringify(directory.length > 200 ? `${directory.slice(0, 200)}…` : directory)
  for (const { of, expected } of FAULTS) {
    const what = of(directory)
    if (what !== undefined) throw invalid(`${option} = ${shown}, which ${what}`, expected)
  }
  return directory
}

function invalid(what: string, expected: string): LivetreeError {
  return new LivetreeError('invalid_options', `etcd() got ${what}; expected ${expected}.`)
}
