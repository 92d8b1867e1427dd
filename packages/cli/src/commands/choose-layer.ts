import type { LayerChoice } from '@livetree/admin'
import { nearestName } from '@livetree/core/tools'
import type { OpenedTree } from '../connect/open-tree.ts'
import { usageError } from '../errors/cli-error.ts'
import { meantHint } from '../output/words.ts'

/** The options that name a layer. */
export interface LayerOptions {
  readonly overlay?: string | undefined
  readonly layer?: string | undefined
}

/** The layers of a tree by their directories, without a slash at the end. */
export function prefixesOf({ admin }: Pick<OpenedTree, 'admin'>): readonly string[] {
  return [...new Set(admin.layers.map(({ keyPrefix }) => keyPrefix.slice(0, -1)))]
}

/**
 * The layer that a command line names, as an admin takes it.
 *
 * @throws CliError 64 for a name that no layer has, with the one that may have been meant; where none is named and there are several
 */
export function chosenLayer(
  opened: OpenedTree,
  { overlay, layer }: LayerOptions,
  isNeeded = true,
): LayerChoice {
  const prefixes = prefixesOf(opened)
  if (overlay !== undefined && layer !== undefined)
    throw usageError('Both --overlay and --layer were given', 'Give one of them.')
  if (layer !== undefined) {
    const prefix = layer.replace(/\/+$/, '')
    if (prefixes.includes(prefix)) return { layer: prefix }
    throw unknown(`--layer ${layer}`, layer, prefixes)
  }
  if (overlay !== undefined) {
    const found = prefixes.filter((prefix) => prefix === overlay || prefix.endsWith(`/${overlay}`))
    const [only] = found
    if (only !== undefined && found.length === 1) return { layer: only }
    if (found.length > 1)
      throw usageError(
        `--overlay ${overlay} is the name of several layers: ${found.join(', ')}`,
        'Give --layer with the whole directory.',
      )
    throw unknown(`--overlay ${overlay}`, overlay, namesOf(prefixes))
  }
  if (!isNeeded || prefixes.length === 1) return {}
  throw usageError(
    'There are several layers, and none is named',
    `Give --overlay: ${namesOf(prefixes).join(', ')}.`,
  )
}

function unknown(what: string, given: string, names: readonly string[]): Error {
  const hint = meantHint(nearestName(given, names))
  return usageError(`${what}: there is no such layer.${hint}`, `There are: ${names.join(', ')}.`)
}

/** What sets each prefix apart: the parts after those that all of them begin with. */
function namesOf(prefixes: readonly string[]): readonly string[] {
  const split = prefixes.map((prefix) => prefix.split('/'))
  const shortest = Math.min(...split.map(({ length }) => length))
  let same = 0
  while (same < shortest - 1 && split.every((names) => names[same] === split[0]?.[same])) same++
  return split.map((names) => names.slice(same).join('/'))
}
