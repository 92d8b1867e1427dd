import type { Path } from '@livetree/core'
import type { LayerInfo } from '@livetree/core/source'
import { isWithin, parsePathText, pathText } from '@livetree/core/tools'
import { AdminError } from '../errors.ts'
import { prefixOf } from './tree-state.ts'

/** Names the layer that is written. */
export interface LayerChoice {
  /** The last part, or parts, of the layer's prefix: `prod`, `zones/eu-1`. */
  readonly overlay?: string | undefined
  /** The whole prefix: `/config/checkout/prod`. */
  readonly layer?: string | undefined
}

/**
 * The prefix that is chosen, without a slash at its end; with no choice, that of the only one.
 *
 * @throws AdminError `invalid_options`, with the prefixes there are
 */
export function choosePrefix(layers: readonly LayerInfo[], { overlay, layer }: LayerChoice): string {
  const all = [...new Set(layers.map(prefixOf))]
  if (overlay !== undefined && layer !== undefined)
    throw invalid('Both overlay and layer were given', 'Give one of them.')
  const found = all.filter((prefix) => isMeant(prefix, overlay, layer))
  const [only, ...others] = found
  const list = `The layers are ${all.join(', ')}.`
  if (only === undefined) throw invalid(`There is no layer ${layer ?? overlay}`, list)
  if (others.length === 0) return only
  if (overlay === undefined)
    throw invalid('The change names no layer, and there are several', `${list} Give overlay or layer.`)
  throw invalid(
    `The overlay ${overlay} is the name of several layers: ${found.join(', ')}`,
    'Give layer, the whole prefix.',
  )
}

/** Whether a layer is named at all. */
export function namesLayer({ overlay, layer }: LayerChoice): boolean {
  return overlay !== undefined || layer !== undefined
}

/**
 * The prefix that is chosen; undefined with no choice, for all of them.
 *
 * @throws AdminError as `choosePrefix`
 */
export function chosenPrefix(layers: readonly LayerInfo[], choice: LayerChoice): string | undefined {
  return namesLayer(choice) ? choosePrefix(layers, choice) : undefined
}

function isMeant(prefix: string, overlay: string | undefined, layer: string | undefined): boolean {
  if (layer !== undefined) return prefix === layer || `${prefix}/` === layer
  return overlay === undefined || prefix === overlay || prefix.endsWith(`/${overlay}`)
}

/**
 * The layer of a prefix that holds a path: a prefix may be mounted at several places.
 *
 * @throws AdminError `invalid_path`
 */
export function layerFor(layers: readonly LayerInfo[], prefix: string, path: Path): LayerInfo {
  const mounted = layers.filter((layer) => prefixOf(layer) === prefix)
  const found = mounted.find(({ at }) => isWithin(path, at === undefined ? [] : parsePathText(at)))
  if (found !== undefined) return found
  const places = mounted.map(({ at }) => `"${at}"`).join(' and ')
  throw new AdminError('invalid_path', {
    what: `Layer ${prefix} is mounted at ${places}, and "${pathText(path)}" is not below that`,
    remedy: 'Choose another layer, or a path below that.',
  })
}

function invalid(what: string, remedy: string): AdminError {
  return new AdminError('invalid_options', { what, remedy })
}
