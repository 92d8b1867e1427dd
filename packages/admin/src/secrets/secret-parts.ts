import type { ConfigDefinition, Path } from '@livetree/core'
import type { LayerInfo } from '@livetree/core/source'
import {
  holdsEncryptedAt,
  holdsEnvelope,
  isEncryptedAt,
  isEnvelope,
  isMergedAt,
  isNothingAt,
  isTextAt,
  kindAt,
  pathInDocument,
  placesOfKey,
  readingOf,
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
  /** The names that lead to it in the text of its key, as that has them, also in JSON that stands there as text. */
  readonly names: readonly string[]
  /** It stands in a text that may be meant as that: then nothing in it is encrypted, which would make a list or an object of it. */
  readonly isInText: boolean
}

/** Returns what is written in the place of a part: JSON for a value, else text. `written` is how it is written. */
export type ChangePart = (part: SecretPart, written: string) => string

/** The places of a key. */
export interface KeyPlaces {
  /** Those at which it holds an envelope, or a document with some inside. */
  readonly secret: readonly SecretPlace[]
  /** The others that the schema knows. */
  readonly open: readonly SecretPlace[]
}

/** The places of a key of which a place may ask for envelopes in its text. */
export function secretPlaces({ settings }: Workspace, key: string, text: string): KeyPlaces {
  const { definition, store } = settings
  const secret: SecretPlace[] = []
  const open: SecretPlace[] = []
  if (!definition.compiled.hasEncrypted || store.isReserved(key) || (text === '' && key.endsWith('/')))
    return { secret, open }
  for (const { layer, path } of placesOfKey(definition, key, store.layers)) {
    const info = store.layers[layer]
    if (info === undefined) continue
    if (holdsEncryptedAt(definition, path)) secret.push({ path, layer: info })
    else if (kindAt(definition, path) !== undefined) open.push({ path, layer: info })
  }
  return { secret, open }
}

/** Where a text stands: in a document, and in a text that may be meant as that. */
type Around = Pick<SecretPart, 'isValue' | 'isInText' | 'names'>

/** A leaf of a document, whose `value` it is in. */
interface Leaf extends Pick<SecretPart, 'isInText' | 'names'> {
  readonly value: unknown
  readonly written: readonly string[]
  readonly json: string
}

/** Whether a text that is encrypted as a whole, by its names in that of its key, has parts that are not to be encrypted with the others. */
export type IsMixed = (text: string, names: readonly string[]) => boolean

/** Finds the encrypted texts of a key as an instance reads them: that of the key itself, or those inside its document. */
export class PartMapper {
  readonly #definition: ConfigDefinition<$ZodType>
  readonly #isMixed: IsMixed
  readonly #change: ChangePart

  /** @param isMixed a text that is encrypted as a whole is one part unless this is so, or something in it is an envelope */
  constructor(definition: ConfigDefinition<$ZodType>, isMixed: IsMixed, change: ChangePart) {
    this.#definition = definition
    this.#isMixed = isMixed
    this.#change = change
  }

  /** The text of a key with its parts changed. */
  map({ secret, open }: KeyPlaces, text: string): string {
    const definition = this.#definition
    const isNothing = ({ path }: SecretPlace) => isNothingAt(definition, path, text, false)
    const part = this.#partOf(secret, { text, isValue: false, isInText: false, names: [] }, isNothing)
    // Another service may have the text as it is.
    const isInText = open.some(({ path }) => readingOf(definition, path, text, false) !== 'document')
    const inside = this.#inside(secret, text, { isValue: false, isInText, names: [] })
    return inside ?? (part === undefined ? text : this.#change(part, text))
  }

  /** The text of a document with its parts changed; undefined where it is no document, or one part as a whole. */
  #inside(places: readonly SecretPlace[], text: string, around: Around): string | undefined {
    const definition = this.#definition
    const readings = places.map(({ path }) => readingOf(definition, path, text, around.isValue))
    if (readings.every((reading) => reading === undefined)) return undefined
    const document = JsonDocument.of(text)
    if (document === undefined) return undefined
    const isWhole = places.every(({ path }) => isEncryptedAt(definition, path))
    // What is put beside a plain text that stays gets an envelope of its own.
    if (isWhole && (document.isEmpty || !(holdsEnvelope(text) || this.#isMixed(text, around.names))))
      return undefined
    const value: unknown = JSON.parse(text)
    const isInText = around.isInText || (!isWhole && readings.some((reading) => reading !== 'document'))
    document.mapLeaves((written, json) =>
      this.#leaf(places, { value, written, json, isInText, names: [...around.names, ...written] }),
    )
    return document.text
  }

  /** A scalar of a document, or an empty list or object in it. */
  #leaf(documents: readonly SecretPlace[], { value, written, json, isInText, names }: Leaf): string {
    const definition = this.#definition
    const isText = json.startsWith('"')
    const own = { text: isText ? String(JSON.parse(json)) : json, isValue: true, isInText, names }
    const places = documents.map((place) => ({
      layer: place.layer,
      path: pathInDocument(definition, place, written),
      document: place.path,
    }))
    const inside = isText ? this.#inside(places, own.text, own) : undefined
    if (inside !== undefined) return inside === own.text ? json : JSON.stringify(inside)
    // What hides lower layers elsewhere is text in a list.
    const isMerged = ({ path, document }: (typeof places)[number]) =>
      isMergedAt(definition, document, value, { names: path.slice(document.length), written })
    const part = this.#partOf(places, own, (place) => {
      const content = isText ? own.text : (JSON.parse(json) as unknown)
      return (!isText || isMerged(place)) && isNothingAt(definition, place.path, content, true)
    })
    return part === undefined ? json : this.#change(part, json)
  }

  #partOf<P extends SecretPlace>(
    places: readonly P[],
    own: Pick<SecretPart, 'text' | 'isValue' | 'isInText' | 'names'>,
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
