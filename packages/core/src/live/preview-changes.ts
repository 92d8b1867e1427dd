import { kindOfValue } from '../assert-live-config.ts'
import { checkOptions, type OptionTable } from '../check-options.ts'
import { disown } from '../callback.ts'
import { LivetreeError } from '../errors.ts'
import type { PreviewChange, PreviewOptions } from '../live-config.ts'
import { isObject, listOfTexts } from '../option-kinds.ts'
import { documentKeyOf } from '../pipeline/mount.ts'
import type { SourcePatch } from '../pipeline/outcome.ts'
import { shortKey } from '../short-text.ts'
import type { LayerInfo, Leaf, Source } from '../source/source.ts'

const OPTIONS: OptionTable = { allowRemovals: listOfTexts }

/** One layer of a configuration: its source's number, and its own number in that source. */
interface LayerPlace {
  readonly source: number
  readonly layer: number
  readonly info: LayerInfo
}

/**
 * The updates that the changes given to `LiveConfig.preview` make: one for each source that they concern, in the order of
 * the sources.
 *
 * @throws LivetreeError `invalid_options` for a layer that is not there, or a key that is not of the layer
 */
export function previewUpdates(
  sources: readonly Source[],
  given: readonly PreviewChange[],
  options: PreviewOptions,
): readonly SourcePatch[] {
  if (!Array.isArray(given)) {
    disown(given)
    refuse(`got ${kindOfValue(given)}; expected a list of changes`)
  }
  checkOptions('preview()', options, OPTIONS)
  const changes = (given as readonly PreviewChange[]).map((change, index) => {
    const checked = checkChange(change, index)
    const place = layerNamed(checked.layer, sources, `changes[${index}].layer`)
    return { source: place.source, change: { layer: place.layer, leaf: leafOf(checked, place.info, index) } }
  })
  const allowed = (options.allowRemovals ?? []).map((name) => layerNamed(name, sources, 'allowRemovals'))
  return sources.flatMap((_, source) => {
    const own = changes.filter((each) => each.source === source).map(({ change }) => change)
    const layers = allowed.filter((place) => place.source === source).map(({ layer }) => layer)
    if (own.length === 0 && layers.length === 0) return []
    const allowRemoval = layers.length > 0 && { allowRemoval: layers }
    return [{ source, update: { revision: 0, changes: own, ...allowRemoval } }]
  })
}

/** Copies a change, reading each property once. */
function checkChange(change: PreviewChange, index: number): PreviewChange {
  if (!isObject(change))
    refuse(`got changes[${index}] = ${kindOfValue(change)}; expected { layer, key, value }`)
  const { layer, key, value } = change
  if (typeof layer !== 'string') refuse(`got no changes[${index}].layer; expected the name of a layer`)
  if (typeof key !== 'string') refuse(`got no changes[${index}].key; expected a key as the store knows it`)
  return { layer, key, value }
}

function layerNamed(name: string, sources: readonly Source[], at: string): LayerPlace {
  const layers = sources.flatMap((source, index) =>
    source.layers.map((info, layer) => ({ source: index, layer, info, sourceName: source.name })),
  )
  const found = layers.filter(
    ({ info, sourceName }) => name === info.name || name === `${sourceName}:${info.name}`,
  )
  const [first] = found
  if (first !== undefined && found.length === 1) return first
  const names = layers.map(({ info, sourceName }) =>
    found.length > 1 ? `${sourceName}:${info.name}` : info.name,
  )
  const problem = first === undefined ? 'names no layer' : 'names several layers'
  return refuse(`got ${at} = "${shortKey(name)}", which ${problem}. There are ${names.join(', ')}`)
}

function leafOf({ key, value }: PreviewChange, info: LayerInfo, index: number): Leaf {
  if (key === documentKeyOf(info)) return { path: '', value, revision: 0, key }
  if (key.startsWith(info.keyPrefix)) return { path: key.slice(info.keyPrefix.length), value, revision: 0 }
  return refuse(
    `got changes[${index}].key = ${shortKey(key)}, which is no key of layer ${info.name}: those begin with ${shortKey(info.keyPrefix)}`,
  )
}

function refuse(what: string): never {
  throw new LivetreeError('invalid_options', `preview() ${what}.`)
}
