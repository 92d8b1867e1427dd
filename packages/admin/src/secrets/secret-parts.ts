import type { Path } from '@livetree/core'
import type { LayerInfo } from '@livetree/core/source'
import {
  encodeSegment,
  holdsEncryptedAt,
  isEmptyAt,
  isEncryptedAt,
  isEnvelope,
  isMergedAt,
  isNothingAt,
  isTextAt,
  placesOfKey,
} from '@livetree/core/tools'
import { JsonDocument } from '../change/json-document.ts'
import type { Workspace } from '../workspace.ts'

/** Where a text stands: a path of the schema, and the layer that has it. */
export interface SecretPlace {
  readonly path: Path
  readonly layer: LayerInfo
}

/**
 * A text that is an envelope or should be one, with the places whose schema says so: a shared directory may have several. Those
 * of one mounted directory bind an envelope to the same path, so that one envelope serves them all.
 */
export interface SecretPart extends SecretPlace {
  /** All of them; the part itself stands at the first. */
  readonly places: readonly SecretPlace[]
  /** The schema means text here, whatever it looks like. */
  readonly isText: boolean
  /** There is nothing in it at any of its places, and it needs no envelope. */
  readonly isNothing: boolean
}

/** Returns the new text of a part; `json` is how a document has it. */
export type ChangePart = (part: SecretPart, text: string, json: string) => string

/** The places at which a key holds an envelope, or a document with some inside. */
export function secretPlaces({ settings }: Workspace, key: string, text: string): readonly SecretPlace[] {
  const { definition, store } = settings
  if (!definition.compiled.hasEncrypted || store.isReserved(key) || (text === '' && key.endsWith('/')))
    return []
  return placesOfKey(definition, key, store.layers).flatMap(({ layer, path }) => {
    const info = store.layers[layer]
    return info !== undefined && holdsEncryptedAt(definition, path) ? [{ path, layer: info }] : []
  })
}

/**
 * Changes the encrypted texts of a key: that of the key itself, or those inside its document. A document that is plain text at a place
 * which is encrypted as a whole is one part, unless something in it is known to stand for itself.
 *
 * @param places of `secretPlaces`
 * @param isMixed whether a text has parts that are not to be encrypted with the others
 */
export function mapParts(
  { settings }: Workspace,
  {
    key,
    places,
    text,
  }: { readonly key: string; readonly places: readonly SecretPlace[]; readonly text: string },
  isMixed: (text: string) => boolean,
  change: ChangePart,
): string {
  const { definition } = settings
  const partOf = (
    marked: readonly SecretPlace[],
    isNothing: (at: SecretPlace) => boolean,
  ): SecretPart | undefined => {
    const [first] = marked
    const isText = marked.every(({ path }) => isTextAt(definition, path))
    return first && { ...first, places: marked, isText, isNothing: marked.every(isNothing) }
  }
  const whole = partOf(
    places.filter(({ path }) => isEncryptedAt(definition, path)),
    ({ path }) => isNothingAt(definition, path, text),
  )
  const isWhole = whole?.places.length === places.length
  const document = isWhole && whole.isText ? undefined : JsonDocument.of(text)
  // What is put beside a plain text that stays gets an envelope of its own.
  const isParted = document !== undefined && (!isWhole || hasEnvelope(document) || isMixed(text))
  if (!isParted) return whole === undefined ? text : change(whole, text, JSON.stringify(text))
  const directory = key.endsWith('/') ? key : `${key}/`
  const value: unknown = JSON.parse(text)
  document.mapLeaves((written, json) => {
    const below = directory + written.map(encodeSegment).join('/')
    const scalar = json.startsWith('"') ? String(JSON.parse(json)) : json
    const inside = places.map(({ path, layer }) => ({
      // A document may have names that no key has, which nobody reads.
      path: placesOfKey(definition, below, [layer])[0]?.path ?? [...path, ...written],
      layer,
      documentPath: path,
    }))
    // What hides lower layers elsewhere is text in a list.
    const isMerged = (documentPath: Path, path: Path) =>
      isMergedAt(definition, documentPath, value, { names: path.slice(documentPath.length), written })
    const nothing = new Map(
      inside.map(({ path, documentPath }) => [
        path,
        (scalar === json || isMerged(documentPath, path)) && isNothingAt(definition, path, scalar),
      ]),
    )
    const part = partOf(
      inside.filter(({ path }) => isEncryptedAt(definition, path)),
      ({ path }) => nothing.get(path) === true,
    )
    if (part === undefined) return json
    const changed = change(part, scalar, json)
    if (changed === scalar) return json
    return isEmptyAt(definition, part.path, changed) ? changed : JSON.stringify(changed)
  })
  return document.text
}

/** Whether a text is one that an envelope is to be made of. */
export function isPlain({ isNothing }: SecretPart, text: string): boolean {
  return !isEnvelope(text) && !isNothing
}

function hasEnvelope(document: JsonDocument): boolean {
  let isFound = false
  document.mapScalars((_, json) => {
    isFound ||= json.startsWith('"') && isEnvelope(JSON.parse(json))
    return json
  })
  return isFound
}
