import { kindOfValue } from '../assert-live-config.ts'
import { checkOptions, type OptionTable } from '../check-options.ts'
import { disown } from '../callback.ts'
import { LivetreeError } from '../errors.ts'
import type { PreviewChange, PreviewOptions } from '../live-config.ts'
import { isObject, listOfTexts } from '../option-kinds.ts'
import { isPlainObject } from '../pipeline/document.ts'
import { documentKeyOf } from '../pipeline/mount.ts'
import type { SourcePatch } from '../pipeline/outcome.ts'
import { isPromise } from '../promises-in.ts'
import { shortKey } from '../short-text.ts'
import { flatten } from '../source/flatten.ts'
import type { LayerInfo, Leaf, PatchUpdate, Source, SourceConnection } from '../source/source.ts'

const OPTIONS: OptionTable = { allowRemovals: listOfTexts }

/** One layer of a configuration: its source's number, and its own number in that source. */
interface LayerPlace {
  readonly source: number
  readonly layer: number
  readonly info: LayerInfo
  /** What names it for sure: `env:env`. */
  readonly fullName: string
}

/** A change with the layer that has its key. */
interface PlacedChange extends PreviewChange {
  readonly place: LayerPlace
}

/**
 * The updates that the changes given to `LiveConfig.preview` make: one for each source that they concern, in the order of
 * the sources. `patchOf`: by the number of a source, how it makes a patch itself.
 *
 * @throws LivetreeError `invalid_options` for a layer that does not exist, or a key that is not of the layer;
 *   `source_broken` from a source's own `patchOf`
 */
export function previewUpdates(
  sources: readonly Source[],
  patchOf: readonly SourceConnection['patchOf'][],
  given: readonly PreviewChange[],
  options: PreviewOptions,
): readonly SourcePatch[] {
  // What is refused on account of one change has others.
  disown([given, options])
  if (!Array.isArray(given)) refuse(`got ${kindOfValue(given)}; expected a list of changes`)
  checkOptions('preview()', options, OPTIONS)
  const layers = layersOf(sources)
  const changes = Array.from(given as readonly PreviewChange[], (change, index): PlacedChange => {
    const checked = checkChange(change, index)
    return { ...checked, place: layerOf(checked, layers, patchOf, index) }
  })
  const allowed = (options.allowRemovals ?? []).flatMap((name) => named(name, layers, 'allowRemovals'))
  return sources.flatMap((_, source) => {
    const own = changes.filter(({ place }) => place.source === source)
    const meant = allowed.filter((place) => place.source === source).map(({ layer }) => layer)
    if (own.length === 0 && meant.length === 0) return []
    const patch = patchOf[source]?.(own.map(({ key, value }) => ({ key, value }))) ?? leavesOf(own)
    const { allowRemoval = false } = patch
    const all = allowRemoval === true || [...(allowRemoval === false ? [] : allowRemoval), ...meant]
    return [{ source, update: { revision: 0, changes: patch.changes, allowRemoval: all } }]
  })
}

/** Copies a change, reading each property once. */
function checkChange(change: PreviewChange, index: number): PreviewChange {
  if (!isObject(change))
    refuse(`got changes[${index}] = ${kindOfValue(change)}; expected { layer, key, value }`)
  const { layer, key, value } = change
  if (typeof layer !== 'string') refuse(`got no changes[${index}].layer; expected the name of a layer`)
  if (typeof key !== 'string') refuse(`got no changes[${index}].key; expected a key as the store knows it`)
  if (disown(value)) {
    const what = isPromise(value) ? 'a promise' : `${kindOfValue(value)} that holds a promise`
    refuse(`got changes[${index}].value = ${what}; expected what it resolves with`)
  }
  return { layer, key, value }
}

function layersOf(sources: readonly Source[]): readonly LayerPlace[] {
  return sources.flatMap(({ name, layers }, source) =>
    layers.map((info, layer) => ({ source, layer, info, fullName: `${name}:${info.name}` })),
  )
}

/** The layers with a name, which are of one source: a file has one for each of its documents. */
function named(name: string, layers: readonly LayerPlace[], at: string): readonly LayerPlace[] {
  const found = layers.filter(({ info, fullName }) => name === info.name || name === fullName)
  if (new Set(found.map(({ source }) => source)).size === 1) return found
  const names =
    found.length === 0 ? layers.map(({ info }) => info.name) : found.map(({ fullName }) => fullName)
  const problem = found.length === 0 ? 'names no layer' : 'names layers of several sources'
  return refuse(
    `got ${at} = "${shortKey(name)}", which ${problem}. There are ${[...new Set(names)].join(', ')}`,
  )
}

/**
 * Of the layers with the name that is given, the one whose keys begin most like this key; any of them for a key that means
 * something to the source itself, such as one that allows removals.
 */
function layerOf(
  { layer: name, key, value = '' }: PreviewChange,
  layers: readonly LayerPlace[],
  patchOf: readonly SourceConnection['patchOf'][],
  index: number,
): LayerPlace {
  const found = named(name, layers, `changes[${index}].layer`)
  const own = found.filter(({ info }) => key === documentKeyOf(info) || key.startsWith(info.keyPrefix))
  const [best] = own.toSorted((a, b) => b.info.keyPrefix.length - a.info.keyPrefix.length)
  if (best !== undefined) return best
  const [first] = found
  const patch = first && patchOf[first.source]?.([{ key, value }])
  if (first !== undefined && patch?.allowRemoval !== undefined && patch.allowRemoval !== false) return first
  const prefixes = found.slice(0, 3).map(({ info }) => shortKey(info.keyPrefix))
  return refuse(
    `got changes[${index}].key = ${shortKey(key)}, which is no key of layer ${name}: those begin with ${prefixes.join(' or ')}`,
  )
}

function leavesOf(changes: readonly PlacedChange[]): Pick<PatchUpdate, 'changes' | 'allowRemoval'> {
  return {
    changes: changes.flatMap((change) =>
      leavesAt(change).map((leaf) => ({ layer: change.place.layer, leaf })),
    ),
  }
}

function leavesAt({ key, value, place: { info } }: PlacedChange): readonly Leaf[] {
  if (key === documentKeyOf(info)) return [{ path: '', value, revision: 0, key }]
  const path = key.slice(info.keyPrefix.length)
  if (info.isNested !== true || !(isPlainObject(value) || value instanceof Map))
    return [{ path, value, revision: 0 }]
  const below = (inner: string) => [path, inner].filter((part) => part !== '').join('/')
  return flatten(value).map((leaf) => ({ path: below(leaf.path), value: leaf.value, revision: 0 }))
}

function refuse(what: string): never {
  throw new LivetreeError('invalid_options', `preview() ${what}.`)
}
