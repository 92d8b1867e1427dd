import type { ConfigDefinition, Path } from '@livetree/core'
import type { LayerInfo } from '@livetree/core/source'
import {
  holdsEncryptedAt,
  isEncryptedAt,
  isEnvelope,
  isMergedAt,
  isNothingAt,
  isReadAsDocument,
  isTextAt,
  pathInDocument,
  placesOfKey,
} from '@livetree/core/tools'
import type { $ZodType } from 'zod/v4/core'
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
  /** It is a value of a document, as JSON, and not the text of a key. */
  readonly isValue: boolean
  /** The schema means text here, whatever it looks like. */
  readonly isText: boolean
  /** There is nothing in it at any of its places, and it needs no envelope. */
  readonly isNothing: boolean
  /** What it says as text: for a value, what a key of its own would hold. */
  readonly text: string
}

/** Returns what is written in the place of a part: JSON for a value, else text. `written` is how it is written. */
export type ChangePart = (part: SecretPart, written: string) => string

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

/** Finds the encrypted texts of a key as an instance reads them: that of the key itself, or those inside its document. */
export class PartMapper {
  readonly #definition: ConfigDefinition<$ZodType>
  readonly #isMixed: (text: string) => boolean
  readonly #change: ChangePart

  /**
   * @param isMixed whether a text at a place that is encrypted as a whole has parts that are not to be encrypted with the others:
   *   it is one part unless this is so, or something in it is an envelope
   */
  constructor(
    definition: ConfigDefinition<$ZodType>,
    isMixed: (text: string) => boolean,
    change: ChangePart,
  ) {
    this.#definition = definition
    this.#isMixed = isMixed
    this.#change = change
  }

  /** The text of a key with its parts changed. @param places of `secretPlaces` */
  map(places: readonly SecretPlace[], text: string): string {
    const isNothing = ({ path }: SecretPlace) => isNothingAt(this.#definition, path, text)
    const part = this.#partOf(places, { text, isValue: false }, isNothing)
    return this.#inside(places, text, false) ?? (part === undefined ? text : this.#change(part, text))
  }

  /** The text of a document with its parts changed; undefined where it is no document, or one part as a whole. */
  #inside(places: readonly SecretPlace[], text: string, isQuoted: boolean): string | undefined {
    const definition = this.#definition
    if (!places.some(({ path }) => isReadAsDocument(definition, path, text, isQuoted))) return undefined
    const document = JsonDocument.of(text)
    if (document === undefined) return undefined
    const isWhole = places.every(({ path }) => isEncryptedAt(definition, path))
    // What is put beside a plain text that stays gets an envelope of its own.
    if (isWhole && !holdsEnvelope(text) && !this.#isMixed(text)) return undefined
    const value: unknown = JSON.parse(text)
    document.mapLeaves((written, json) => this.#leaf(places, { value, written, json }))
    return document.text
  }

  /** A scalar of a document, or an empty list or object in it. */
  #leaf(
    documents: readonly SecretPlace[],
    { value, written, json }: { value: unknown; written: readonly string[]; json: string },
  ): string {
    const definition = this.#definition
    const isText = json.startsWith('"')
    const text = isText ? String(JSON.parse(json)) : json
    const places = documents.map((place) => ({
      layer: place.layer,
      path: pathInDocument(definition, place, written),
      document: place.path,
    }))
    const inside = isText ? this.#inside(places, text, true) : undefined
    if (inside !== undefined) return inside === text ? json : JSON.stringify(inside)
    // What hides lower layers elsewhere is text in a list.
    const isMerged = ({ path, document }: (typeof places)[number]) =>
      isMergedAt(definition, document, value, { names: path.slice(document.length), written })
    const part = this.#partOf(places, { text, isValue: true }, (place) => {
      return (!isText || isMerged(place)) && isNothingAt(definition, place.path, text)
    })
    return part === undefined ? json : this.#change(part, json)
  }

  #partOf<P extends SecretPlace>(
    places: readonly P[],
    own: Pick<SecretPart, 'text' | 'isValue'>,
    isNothing: (at: P) => boolean,
  ): SecretPart | undefined {
    const marked = places.filter(({ path }) => isEncryptedAt(this.#definition, path))
    const [first] = marked
    return (
      first && {
        path: first.path,
        layer: first.layer,
        places: marked,
        ...own,
        isText: marked.every(({ path }) => isTextAt(this.#definition, path)),
        isNothing: marked.every(isNothing),
      }
    )
  }
}

/** Whether a part is one that an envelope is to be made of. */
export function isPlain({ isNothing, text }: SecretPart): boolean {
  return !isEnvelope(text) && !isNothing
}

/** Whether there is an envelope in a document, also in JSON that stands in it as text. */
function holdsEnvelope(text: string): boolean {
  if (isEnvelope(text)) return true
  let isFound = false
  JsonDocument.of(text)?.mapScalars((_, json) => {
    isFound ||= json.startsWith('"') && holdsEnvelope(String(JSON.parse(json)))
    return json
  })
  return isFound
}
