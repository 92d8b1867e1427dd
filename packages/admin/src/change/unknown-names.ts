import type { Path, UnusedKey } from '@livetree/core'
import type { LayerInfo } from '@livetree/core/source'
import {
  coverOf,
  encodeSegment,
  isWithin,
  keyIdOf,
  kindAt,
  parsePathText,
  pathInDocument,
  placesOfKey,
} from '@livetree/core/tools'
import type { StoreEntry } from 'livetree/operate'
import { AdminError } from '../errors.ts'
import type { Judge } from '../tree/judge.ts'
import { isSameJson } from '../transfer/tree-leaves.ts'
import { prefixOf } from '../tree/tree-state.ts'
import type { Workspace } from '../workspace.ts'
import type { Draft } from './draft.ts'
import { JsonDocument } from './json-document.ts'
import type { KeyEdits } from './edited-tree.ts'

type Entries = ReadonlyMap<string, StoreEntry>

/** A change, with what the layers hold before and after it. */
interface Written {
  readonly judge: Judge
  readonly before: Entries
  readonly after: Entries
  readonly edits: KeyEdits
}

/** A name that the schema does not know, and the JSON or the text that the change writes there. */
interface Unknown {
  readonly unused: UnusedKey
  readonly text: string | undefined
}

/**
 * The names that a change writes into layers that ignore unknown ones, and the schema does not know: the names of others are no
 * mistake there, and its own are.
 *
 * @throws AdminError `invalid_path` for one in any layer, if the draft is to write to places of the schema alone
 */
export function unknownNames(
  workspace: Workspace,
  { isInSchema = false }: Draft<unknown>,
  written: Written,
): readonly UnusedKey[] {
  const { layers } = workspace.settings.store
  const isJudged = ([key, text]: readonly [string, string | undefined]) =>
    text !== undefined &&
    (isInSchema || placesIn(workspace, key).some(({ layer }) => isIgnoring(layers[layer])))
  const keys = new Set([...written.edits].filter(isJudged).map(([key]) => key))
  if (keys.size === 0) return []
  const unknown = written.judge
    .unusedOf(written.after, keys)
    .flatMap((unused) => writtenAt(workspace, written, unused))
  const plain = isInSchema ? unknown.find(({ text }) => text === undefined || !isHarmless(text)) : undefined
  if (plain !== undefined) throw refused(workspace, plain.unused)
  return unknown.map(({ unused }) => unused)
}

/** Unused keys with others that are not among them. */
export function withOthers(unused: readonly UnusedKey[], others: readonly UnusedKey[]): readonly UnusedKey[] {
  const idOf = ({ origin, pathText }: UnusedKey) => JSON.stringify([origin.key, pathText])
  const known = new Set(unused.map(idOf))
  const added = others.filter((key) => !known.has(idOf(key)))
  return added.length === 0 ? unused : [...unused, ...added]
}

function isIgnoring(layer: LayerInfo | undefined): boolean {
  return layer?.unused === 'ignore'
}

function placesIn({ settings }: Workspace, key: string) {
  return placesOfKey(settings.definition, key, settings.store.layers)
}

/** What the change writes at an unknown name; none where it leaves that as it is, or the schema knows another place of it. */
function writtenAt(workspace: Workspace, { before, after }: Written, unused: UnusedKey): readonly Unknown[] {
  const { definition, store } = workspace.settings
  const { key } = unused.origin
  const places = placesIn(workspace, key)
  const path = pathOf(unused)
  const own = path && places.find((place) => isWithin(path, place.path))
  const names = own === undefined ? undefined : (path?.slice(own.path.length).map(String) ?? [])
  const isKnownAt = (place: { readonly layer: number; readonly path: Path }) => {
    const layer = store.layers[place.layer]
    const at = layer && names && pathInDocument(definition, { path: place.path, layer }, names)
    return at !== undefined && kindAt(definition, at) !== undefined
  }
  if (places.some((place) => place !== own && isKnownAt(place))) return []
  const is = partIn(after.get(key)?.value, names ?? [])
  const isSame = is !== undefined && textsAt(before, key, names).some((was) => isSameJson(was, is))
  return isSame ? [] : [{ unused, text: is }]
}

/**
 * What stands at names below a key, in whichever key above or below that: a change may make keys of a document, or one of keys.
 *
 * @param names undefined for a key that has no place
 */
function textsAt(entries: Entries, key: string, names: readonly string[] | undefined): readonly string[] {
  const above = names === undefined ? [key] : key.split('/')
  const whole = [...above, ...(names ?? []).map(encodeSegment)]
  return whole.flatMap((_, depth) => {
    const text = entries.get(whole.slice(0, depth + 1).join('/'))?.value
    const part = text === undefined ? undefined : partIn(text, whole.slice(depth + 1).map(decodeURIComponent))
    return part === undefined ? [] : [part]
  })
}

/** The path of an unused key; undefined where its text was cut. */
function pathOf({ pathText }: UnusedKey): Path | undefined {
  try {
    return parsePathText(pathText)
  } catch {
    return undefined
  }
}

/** What a text has by these names, as JSON; the text itself where there are none. */
function partIn(text: StoreEntry['value'] | undefined, names: readonly string[]): string | undefined {
  if (typeof text !== 'string' || names.length === 0) return typeof text === 'string' ? text : undefined
  return JsonDocument.of(text)?.partAt(names)
}

/** Whether a text, or JSON, is an envelope or a word that hides lower layers, or holds nothing but these: nobody reads a secret there. */
function isHarmless(text: string): boolean {
  const isNoValue = (value: unknown) => keyIdOf(value) !== undefined || coverOf(value) !== undefined
  const isNone = (json: string) => json.startsWith('"') && isNoValue(JSON.parse(json))
  if (isNoValue(text)) return true
  const document = JsonDocument.of(text)
  if (document === undefined) return isNone(text)
  let holdsNothing = true
  document.mapScalars((_, json) => {
    holdsNothing &&= isNone(json)
    return json
  })
  return holdsNothing
}

function refused(workspace: Workspace, { origin, pathText, didYouMean }: UnusedKey): AdminError {
  const place = placesIn(workspace, origin.key)[0]
  const layer = place && workspace.settings.store.layers[place.layer]
  const meant = didYouMean === undefined ? '' : ` Did you mean "${didYouMean}"?`
  return new AdminError('invalid_path', {
    what: `The schema of "${workspace.settings.definition.name}" does not know "${pathText}", so that what would be written there in plain text, to ${origin.key}, may be secret`,
    remedy: `Promote places that the schema has.${meant}${layer?.at === undefined ? '' : ` ${beginsBelow(layer, layer.at)}`}`,
  })
}

/** Says what a text of a mounted layer holds. */
export function beginsBelow(layer: LayerInfo, at: string): string {
  return `The text of ${prefixOf(layer)}, which is mounted there, begins below "${at}": it has no "${at}" around it.`
}
