import { checkOptions, optionKinds, type OptionTable } from '@livetree/core/source'
import { LivetreeError } from '@livetree/core'
import { type MountedDirectory, RESERVED } from './tree-plan.ts'

/** A directory in the store that is read as a layer, and nothing outside of it. */
export interface EtcdLayer {
  /** The directory, e.g. `/config/shared/redis`: every key below it belongs to the layer. */
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

const layerTable: OptionTable = {
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
  for (const [index, given] of layers.entries()) {
    const option = `layers[${index}]`
    // Its properties are read once.
    const layer = optionKinds.isObject(given) ? { ...given } : given
    checkOptions(`etcd() in ${option}`, layer, layerTable)
    if (layer.prefix === undefined) throw invalid(`${option} has no prefix`, 'a directory of the store')
    const { at = [], optional = false } = layer
    const places = [...new Set([at].flat())]
    const { unused = places.length > 0 ? 'ignore' : 'warn' } = layer
    const prefix = directoryOf(`${option}.prefix`, layer.prefix)
    for (const [before, other] of directories.entries())
      assertApart({ option, prefix, at: places }, { ...other, option: `layers[${before}]` })
    directories.push(Object.freeze({ prefix, at: places, unused, isOptional: optional }))
  }
  return directories
}

/**
 * The directory of a root, and the names of its overlays, none with slashes at an end.
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
    const name = directoryOf(option, overlay.replace(/^\/+/, ''))
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
  const isSamePlace = layer.at.length + other.at.length === 0 || layer.at.some((at) => other.at.includes(at))
  if (!isSamePlace) return
  const [outer, inner] = layer.prefix.length < other.prefix.length ? [layer, other] : [other, layer]
  if (!inner.prefix.startsWith(`${outer.prefix}/`)) return
  throw invalid(
    `${inner.option} (${inner.prefix}) is inside ${outer.option} (${outer.prefix}), so its keys would belong to both`,
    'directories beside each other',
  )
}

/**
 * A directory as it is before a slash and a name: without slashes at its end. A pattern ending in `$` would be quadratic
 * for a million of them.
 */
function directoryOf(option: string, given: string): string {
  let length = given.length
  while (given[length - 1] === '/') length--
  const directory = given.slice(0, length)
  const shown = JSON.stringify(directory.length > 200 ? `${directory.slice(0, 200)}…` : directory)
  if (directory.includes('//'))
    throw invalid(`${option} = ${shown} has two slashes in a row`, 'one slash between two names')
  if (!directory.isWellFormed())
    throw invalid(`${option} = ${shown} has half of a surrogate pair`, 'UTF-8 text')
  if (`${directory}/`.split('/').includes(RESERVED.slice(0, -1)))
    throw invalid(`${option} = ${shown}, which holds livetree's own keys`, 'another directory')
  const odd = directory.split('/').find((name) => name === '.' || name === '..')
  if (odd !== undefined)
    throw invalid(
      `${option} = ${shown} has ${odd} in it, which is a name like any other in etcd`,
      'the directory itself; for one outside of the root use layers, each with its whole prefix',
    )
  return directory
}

function invalid(what: string, expected: string): LivetreeError {
  return new LivetreeError('invalid_options', `etcd() got ${what}; expected ${expected}.`)
}
