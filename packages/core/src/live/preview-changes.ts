import { kindOfValue } from '../kind-of-value.ts'
import { checkOptions, type OptionTable } from '../check-options.ts'
import { disown } from '../callback.ts'
import { LivetreeError } from '../errors.ts'
import type { PreviewChange, PreviewOptions } from '../live-config.ts'
import { isObject, listOfTexts } from '../option-kinds.ts'
import { documentKeyOf } from '../pipeline/mount.ts'
import type { SourcePatch } from '../pipeline/outcome.ts'
import { isPromise } from '../promises-in.ts'
import { shortKey } from '../short-text.ts'
import { nestedChanges } from '../source/nested-writes.ts'
import { ownCopy } from '../format/own-copy.ts'
import type { KeyWrite, LayerChange, LayerInfo, Leaf, Source, SourceConnection } from '../source/source.ts'

const OPTIONS: OptionTable = { allowRemovals: listOfTexts }

/** One layer of a configuration: its source's number, and its own number in that source. */
interface LayerPlace {
  readonly source: number
  readonly layer: number
  readonly info: LayerInfo
  /** What names it for sure: `env:env`. */
  readonly fullName: string
}

/** What is known of the sources, each by its number. */
export interface PreviewSources {
  readonly sources: readonly Source[]
  /** How a source makes a patch itself. */
  readonly patchOf: readonly SourceConnection['patchOf'][]
  /** The leaves of a source that have been taken, layer by layer. */
  heldBy(source: number): readonly (readonly Leaf[])[]
}

/** A change with the layer that has its key. */
interface PlacedChange extends PreviewChange {
  readonly place: LayerPlace
}

/**
 * The updates that the changes given to `LiveConfig.preview` make: one for each source that they concern, in the order of
 * the sources.
 *
 * @throws LivetreeError `invalid_options` for a layer that does not exist, a key that is not of the layer, or what a source
 *   would refuse; `source_broken` from a source's own `patchOf`
 */
export function previewUpdates(
  known: PreviewSources,
  given: readonly PreviewChange[],
  options: PreviewOptions,
): readonly SourcePatch[] {
  // What is refused on account of one change has others.
  disown([given, options])
  if (!Array.isArray(given)) refuse(`got ${kindOfValue(given)}; expected a list of changes`)
  checkOptions('preview()', options, OPTIONS)
  const { sources, patchOf } = known
  const layers = layersOf(sources)
  const changes = Array.from(given as readonly PreviewChange[], (change, index): PlacedChange => {
    const checked = checkChange(change, index)
    return { ...checked, place: layerOf(checked, layers, known, index) }
  })
  const allowed = (options.allowRemovals ?? []).flatMap((name) => named(name, layers, 'allowRemovals'))
  return sources.flatMap((_, source) => {
    const own = changes.filter(({ place }) => place.source === source)
    const meant = allowed.filter((place) => place.source === source).map(({ layer }) => layer)
    if (own.length === 0 && meant.length === 0) return []
    const held = () => known.heldBy(source)
    const writes = own.map(writeOf)
    const patch = patchOf[source]?.(writes, held) ?? { changes: changesOf(own, writes, held) }
    const { allowRemoval = false } = patch
    const all = allowRemoval === true || [...(allowRemoval === false ? [] : allowRemoval), ...meant]
    return [{ source, update: { revision: 0, changes: patch.changes, allowRemoval: all } }]
  })
}

/** Copies a change, reading each property once. */
function checkChange(change: PreviewChange, index: number): PreviewChange {
  if (!isObject(change))
    refuse(`got changes[${index}] = ${kindOfValue(change)}; expected { layer, key, value }`)
  const { layer, key, value: given } = change
  const value = ownCopy(given)
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
 * Among the layers with the given name, the one whose keys share the longest prefix with this key; any of them for a key that means
 * something to the source itself, such as one that allows removals.
 */
function layerOf(
  change: PreviewChange,
  layers: readonly LayerPlace[],
  { patchOf, heldBy }: PreviewSources,
  index: number,
): LayerPlace {
  const { layer: name, key, value = '' } = change
  const found = named(name, layers, `changes[${index}].layer`)
  const own = found.filter(({ info }) => key === documentKeyOf(info) || key.startsWith(info.keyPrefix))
  const [best] = own.toSorted((a, b) => b.info.keyPrefix.length - a.info.keyPrefix.length)
  if (best !== undefined) return best
  const [first] = found
  const write = first && writeOf({ ...change, value, place: first })
  const patch = write && patchOf[first.source]?.([write], () => heldBy(first.source))
  if (first !== undefined && patch?.allowRemoval !== undefined && patch.allowRemoval !== false) return first
  const prefixes = found.slice(0, 3).map(({ info }) => shortKey(info.keyPrefix))
  return refuse(
    `got changes[${index}].key = ${shortKey(key)}, which is no key of layer ${name}: those begin with ${prefixes.join(' or ')}`,
  )
}

function writeOf({ key, value, place: { info, layer } }: PlacedChange): KeyWrite {
  if (key === documentKeyOf(info)) return { key, value, layer, path: '' }
  return { key, value, layer, path: key.startsWith(info.keyPrefix) ? key.slice(info.keyPrefix.length) : key }
}

/** The changes in a source that has no rules of its own. */
function changesOf(
  changes: readonly PlacedChange[],
  writes: readonly KeyWrite[],
  held: () => readonly (readonly Leaf[])[],
): readonly LayerChange[] {
  const isNested = (_: unknown, index: number) => changes[index]?.place.info.isNested === true
  const nested = writes.filter(isNested)
  const single = writes.filter((write, index) => !isNested(write, index)).map(leafOf)
  return nested.length === 0 ? single : [...single, ...nestedChanges(nested, held())]
}

function leafOf({ key, value, layer, path }: KeyWrite): LayerChange {
  const leaf = { path, value, revision: 0 }
  return { layer, leaf: path === '' ? { ...leaf, key } : leaf }
}

function refuse(what: string): never {
  throw new LivetreeError('invalid_options', `preview() ${what}.`)
}
