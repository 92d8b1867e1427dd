import type { Path } from '@livetree/core'
import type { LayerInfo } from '@livetree/core/source'
import {
  decryptText,
  encryptText,
  type EnvelopeContent,
  isEnvelope,
  isWithin,
  type KeySet,
  keyIdOf,
  pathText,
  readingOf,
} from '@livetree/core/tools'
import type { StoreEntry } from 'livetree/operate'
import type { Step } from '../change/draft.ts'
import { JsonDocument } from '../change/json-document.ts'
import type { KeyEdits } from '../change/edited-tree.ts'
import { translatedNow } from '../translate-error.ts'
import type { Workspace } from '../workspace.ts'
import { CopiedTexts } from './copied-texts.ts'
import { LayerPaths } from './layer-paths.ts'
import type { MadeEnvelopes } from './made-envelopes.ts'
import { contentOf, envelopeAt, formOf, idOf, inPlace } from './secret-forms.ts'
import {
  type ChangePart,
  type IsMixed,
  isPlain,
  PartMapper,
  type SecretPart,
  type SecretPlace,
  secretPlaces,
} from './secret-parts.ts'
import { StrayTexts } from './stray-texts.ts'

/** A text that is encrypted, or stands in plain text where it should be. */
interface SecretText {
  readonly path: Path
  /** The id of the key that it is encrypted with; undefined for plain text. */
  readonly keyId: string | undefined
  /** Whether it opens with the keys that are at hand. */
  readonly isOpen: boolean
  /** It stands in a text that may be meant as that, and is not encrypted there. */
  readonly isInText: boolean
}

/** What of the text of a key is plain text and should be an envelope: its places, and the names that lead to it in the text. */
export type PlainPart = Pick<SecretPart, 'places' | 'names' | 'text'>

/**
 * Encrypted texts of a tree. What edits it sees plain texts; what is stored, judged and recorded has envelopes. A text that
 * no key opens stays as it is, and so does an envelope whose text was not changed.
 */
export class TreeSecrets {
  readonly #workspace: Workspace
  readonly #keys: KeySet
  readonly #isNeeded: boolean
  readonly #plaintext: LayerPaths
  readonly #written: LayerPaths
  readonly #copied = new CopiedTexts()
  readonly #strays = new StrayTexts()

  constructor(workspace: Workspace, keys: KeySet) {
    this.#workspace = workspace
    this.#keys = keys
    this.#isNeeded = workspace.settings.definition.compiled.hasEncrypted
    this.#plaintext = new LayerPaths(workspace)
    this.#written = new LayerPaths(workspace)
  }

  /**
   * The entries as an edit sees them: with the plain texts of envelopes. Plain text that stands where an envelope is asked for is
   * covered: who edits something else beside it does not make an envelope of it, and who writes the same text does.
   */
  openAll(entries: ReadonlyMap<string, StoreEntry>): ReadonlyMap<string, StoreEntry> {
    if (!this.#isNeeded) return entries
    const opened = new Map<string, StoreEntry>()
    for (const [key, entry] of entries) {
      const { value } = entry
      const text = typeof value === 'string' ? this.#openForEdit(key, value) : value
      opened.set(key, text === value ? entry : { ...entry, value: text })
    }
    return opened
  }

  /** What is written in plain text at these places of a layer, by the names of keys, stays so: see `Step`. */
  keepPlain(layer: LayerInfo, places: readonly Path[]): void {
    this.#plaintext.add(layer, places)
  }

  /** What is written at a place is what somebody gives for it: see `guardEdit`. */
  addGiven(layer: LayerInfo, path: Path): void {
    this.#written.add(layer, [path])
  }

  /** Lets no edit of a text of a layer encrypt what the layer has in plain text. */
  guardEdit(prefix: string, entries: ReadonlyMap<string, StoreEntry>): void {
    if (!this.#isNeeded) return
    for (const [key, { value }] of entries)
      if (typeof value === 'string' && `${key}/`.startsWith(`${prefix}/`))
        for (const { text, places } of this.plainIn(key, value)) this.#copied.add(text, places[0]?.path ?? [])
  }

  /** The text that a step puts into a key, as an edit takes it: something else stands for what is written as it is. */
  textOf({ key, text, keeps }: Extract<Step, { type: 'key' }>): string | undefined {
    if (keeps === undefined || text?.isWellFormed() !== true) return text
    if (keeps === 'all')
      return secretPlaces(this.#workspace, key, text).secret.length > 0 ? this.#strays.coverWhole(text) : text
    return this.#map(key, text, (at, written) => (isPlain(at) ? written : this.#coveredWhole(at, written)))
  }

  /** The text of a key with its envelopes opened. */
  open(key: string, text: string): string {
    return this.#map(key, text, (at, written) => this.#plain(at) ?? written)
  }

  /** What an envelope holds that stands at a place; undefined where it does not open. */
  contentAt(place: SecretPlace, envelope: string): EnvelopeContent | undefined {
    return decryptText(this.#workspace.settings.definition, place, envelope, this.#keys)
  }

  #openForEdit(key: string, text: string): string {
    return this.#map(key, text, (at, written) => {
      const content = this.#open(at)
      if (content === undefined) return isPlain(at) ? this.#covered(at, written) : written
      // One of the other form, which was moved here, may be read as another value than what is written in its place.
      return content.form === formOf(at) ? inPlace(at, content) : this.#coveredWhole(at, written)
    })
  }

  #covered(at: SecretPart, written: string): string {
    if (at.isText || at.isValue) return this.#coveredWhole(at, written)
    return this.#strays.cover(written, JSON.stringify(written))
  }

  #coveredWhole(at: SecretPart, written: string): string {
    if (!at.isValue) return this.#strays.coverWhole(written)
    return JSON.stringify(this.#strays.coverWhole(at.text, written))
  }

  /** The edits with envelopes in the place of plain texts; those that change nothing are left out. */
  sealAll(edits: KeyEdits, entries: ReadonlyMap<string, StoreEntry>, known: MadeEnvelopes): KeyEdits {
    if (!this.#isNeeded) return edits
    const sealed = new Map<string, string | undefined>()
    for (const [key, text] of edits) {
      const before = entries.get(key)?.value
      const after =
        text === undefined ? text : this.seal(key, text, typeof before === 'string' ? before : '', known)
      if (after !== before) sealed.set(key, after)
    }
    return sealed
  }

  /**
   * The text of a key with envelopes in the place of its plain texts.
   *
   * @param before what the key holds: envelopes in it whose content is the same stay
   * @throws AdminError `keys_unavailable`; `secret_text` for what an edit would encrypt: see `guardEdit`
   */
  seal(key: string, text: string, before: string, known: MadeEnvelopes): string {
    const { kept, places } = this.#envelopesIn(key, before)
    const sealed = this.#map(key, text, (at, written) => {
      const own = this.#open(at)
      const isNew = own === undefined && isPlain(at) && !at.isInText && !this.#strays.isIn(at.text)
      const content = isNew ? contentOf(at, written) : own
      if (content === undefined) return written
      const id = idOf(key, at, content)
      const stored = kept.get(id)
      if (stored !== undefined) return envelopeAt(at, stored)
      if (!isNew || this.#plaintext.hasAlong(key, at.names)) return written
      if (!this.#written.hasAlong(key, at.names)) this.#copied.assertNone(at.text, at.path)
      const envelope =
        known.get(id) ?? translatedNow(() => this.#make(places.get(pathText(at.path)) ?? at, content))
      known.set(id, envelope)
      return envelopeAt(at, envelope)
    })
    return this.#strays.restore(sealed)
  }

  /**
   * The text of a key with all envelopes of other keys made again with the current one; undefined where there is none.
   *
   * @param withPlain whether plain texts become envelopes too
   */
  renew(key: string, text: string, withPlain: boolean): string | undefined {
    const renewed = this.#map(key, text, (at, written) => {
      const isNew = withPlain && isPlain(at) && !at.isInText
      const content = isNew ? contentOf(at, written) : this.#openOld(at)
      return content === undefined
        ? written
        : envelopeAt(
            at,
            translatedNow(() => this.#make(this.#placeOf(at) ?? at, content)),
          )
    })
    return renewed === text ? undefined : renewed
  }

  /** Whether two texts of a key differ by their envelopes alone. */
  isSame(key: string, one: string, other: string): boolean {
    const [first, second] = [one, other].map((text) =>
      this.#map(key, text, (at, written) => {
        const { form, text: content } = this.#open(at) ?? contentOf(at, written)
        return JSON.stringify([form, content])
      }),
    )
    return first === second
  }

  /**
   * What of a key is plain text and should be an envelope, down to the scalars, and the lists and objects that are empty; all of it where
   * no instance can read what is in it.
   */
  plainIn(key: string, text: string): readonly PlainPart[] {
    const places = secretPlaces(this.#workspace, key, text)
    if (this.#isUnread(places.secret, text)) return [{ places: places.secret, names: [], text }]
    const whole: SecretPart[] = []
    this.#map(key, text, (at, written) => {
      if (isPlain(at)) whole.push(at)
      return written
    })
    const parts: SecretPart[] = []
    const take: ChangePart = (at, written) => {
      if (!isEnvelope(at.text)) parts.push(at)
      return written
    }
    new PartMapper(this.#workspace.settings.definition, () => true, take).map(places, text)
    return whole.flatMap((plain): readonly PlainPart[] => {
      const inside = parts.filter(({ names }) => isWithin(names, plain.names))
      return inside.length === 0 ? [plain] : inside
    })
  }

  /** Whether a text at secret places is a list or an object, and no instance reads it as one. */
  #isUnread(secret: readonly SecretPlace[], text: string): boolean {
    const { definition } = this.#workspace.settings
    const isRead = secret.some(({ path }) => readingOf(definition, path, text, false) !== undefined)
    return secret.length > 0 && !isRead && JsonDocument.of(text) !== undefined
  }

  /** The texts of a key that are encrypted or should be, each with its path. */
  textsIn(key: string, text: string): readonly SecretText[] {
    const found: SecretText[] = []
    this.#map(key, text, (at, written) => {
      const keyId = keyIdOf(at.text)
      const isOpen = this.#placeOf(at) !== undefined
      if (keyId !== undefined || isPlain(at)) {
        const { path, isInText } = at
        found.push({ path, keyId, isOpen, isInText })
      }
      return written
    })
    return found
  }

  /** What an envelope of another key than the current one holds. */
  #openOld(at: SecretPart): EnvelopeContent | undefined {
    return keyIdOf(at.text) === this.#keys.current?.id ? undefined : this.#open(at)
  }

  #make(at: SecretPlace, content: EnvelopeContent): string {
    return encryptText(this.#workspace.settings.definition, at, content, this.#keys)
  }

  /** What the envelope of a part holds. */
  #open(at: SecretPart): EnvelopeContent | undefined {
    const place = this.#placeOf(at)
    return place && this.contentAt(place, at.text)
  }

  /** The place that the envelope of a part opens at: mostly all of them, and one where a directory and a part of it are mounted. */
  #placeOf({ places, text }: SecretPart): SecretPlace | undefined {
    return places.find((place) => this.contentAt(place, text) !== undefined)
  }

  /** What is written in the place of an envelope, in plain. */
  #plain(at: SecretPart): string | undefined {
    const content = this.#open(at)
    return content === undefined ? undefined : inPlace(at, content)
  }

  /** The envelopes in a text by key, path and content, and the places that they open at by path. */
  #envelopesIn(key: string, text: string) {
    const kept = new Map<string, string>()
    const places = new Map<string, SecretPlace>()
    this.#map(key, text, (at, written) => {
      const place = this.#placeOf(at)
      const content = place && this.contentAt(place, at.text)
      if (content !== undefined) kept.set(idOf(key, at, content), at.text)
      if (place !== undefined) places.set(pathText(at.path), place)
      return written
    })
    return { kept, places }
  }

  #map(key: string, text: string, change: ChangePart): string {
    const places = secretPlaces(this.#workspace, key, text)
    if (places.secret.length === 0) return text
    const isMixed: IsMixed = (whole, names) =>
      this.#strays.isIn(whole) || this.#plaintext.hasBelow(key, names)
    return new PartMapper(this.#workspace.settings.definition, isMixed, change).map(places, text)
  }
}
