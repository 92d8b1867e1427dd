import type { Path } from '@livetree/core'
import {
  decryptText,
  encryptText,
  isAlong,
  isWithin,
  type KeySet,
  keyIdOf,
  pathText,
  readDifference,
} from '@livetree/core/tools'
import type { StoreEntry } from 'livetree/operate'
import type { Step } from '../change/draft.ts'
import type { KeyEdits } from '../change/layer-view.ts'
import { AdminError } from '../errors.ts'
import { translatedNow } from '../translate-error.ts'
import type { Workspace } from '../workspace.ts'
import {
  type ChangePart,
  isPlain,
  mapParts,
  type SecretPart,
  type SecretPlace,
  secretPlaces,
} from './secret-parts.ts'
import { StrayTexts } from './stray-texts.ts'

/** Envelopes that were made for a draft, by key, path and text: each attempt to apply it writes the same. */
export type MadeEnvelopes = Map<string, string>

const made = new WeakMap<object, MadeEnvelopes>()

/** The envelopes that were made for a draft so far. */
export function madeFor(draft: object): MadeEnvelopes {
  const known = made.get(draft) ?? new Map<string, string>()
  made.set(draft, known)
  return known
}

/** A text that is encrypted, or stands in plain text where it should be. */
interface SecretText {
  readonly path: Path
  /** The id of the key that it is encrypted with; undefined for plain text. */
  readonly keyId: string | undefined
  /** Whether it opens with the keys that are at hand. */
  readonly isOpen: boolean
}

/** What a rotation makes of the text of a key. */
interface Renewed {
  /** Undefined where it stays. */
  readonly text: string | undefined
  /** Its plain texts stay, since envelopes would be read as other values. */
  readonly isUnwritable: boolean
}

/**
 * Encrypted texts of a tree. What edits it sees plain texts; what is stored, judged and recorded has envelopes. A text that
 * no key opens stays as it is, and so does an envelope whose text was not changed.
 */
export class TreeSecrets {
  readonly #workspace: Workspace
  readonly #keys: KeySet
  readonly #isNeeded: boolean
  readonly #plaintext: readonly Path[]
  readonly #strays = new StrayTexts()

  /** @param plaintext where what is written in plain text stays so: see `Draft` */
  constructor(workspace: Workspace, keys: KeySet, plaintext: readonly Path[] = []) {
    this.#workspace = workspace
    this.#keys = keys
    this.#plaintext = plaintext
    this.#isNeeded = workspace.settings.definition.compiled.hasEncrypted
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

  /** The text that a step puts into a key, as an edit takes it: something else stands for what is written as it is. */
  textOf({ key, text, keeps }: Extract<Step, { type: 'key' }>): string | undefined {
    if (keeps === undefined || text?.isWellFormed() !== true) return text
    if (keeps === 'all')
      return secretPlaces(this.#workspace, key, text).length > 0 ? this.#strays.coverWhole(text) : text
    return this.#map(key, text, (at, part, json) =>
      isPlain(at, part) ? part : this.#strays.coverWhole(part, json),
    )
  }

  /** The text of a key with its envelopes opened. */
  open(key: string, text: string): string {
    return this.#map(key, text, (at, part) => this.#open(at, part) ?? part)
  }

  #openForEdit(key: string, text: string): string {
    return this.#map(key, text, (at, part, json) => {
      if (!isPlain(at, part)) return this.#open(at, part) ?? part
      return at.isText ? this.#strays.coverWhole(part, json) : this.#strays.cover(part, json)
    })
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
   * @param before what the key holds: envelopes in it whose text is the same stay
   * @throws AdminError `keys_unavailable`, `unwritable_value` where the schema would read the envelopes as another value
   */
  seal(key: string, text: string, before: string, known: MadeEnvelopes): string {
    const kept = this.#envelopesIn(key, before)
    const idOf = (at: SecretPart, part: string) => JSON.stringify([key, at.path, part])
    const plain = this.#map(key, text, (at, part) => kept.get(idOf(at, this.#open(at, part) ?? part)) ?? part)
    const sealed = this.#map(key, plain, (at, part) => {
      if (!isPlain(at, part) || this.#strays.isIn(part) || this.#staysPlain(at)) return part
      const id = idOf(at, part)
      const envelope = known.get(id) ?? translatedNow(() => this.#make(at, part))
      known.set(id, envelope)
      return envelope
    })
    const encrypted = this.#strays.restore(sealed)
    const difference = this.#difference(key, this.#strays.restore(plain), encrypted)
    if (difference === undefined) return encrypted
    throw new AdminError('unwritable_value', {
      what: `"${pathText(difference)}" cannot be encrypted: an envelope holds text alone, and the schema would read that as another value`,
      remedy:
        'Give a value of which the text says what it is, or let the schema take one kind of value there.',
    })
  }

  /** Where envelopes are read as another value than the plain texts. */
  #difference(key: string, plain: string, encrypted: string): Path | undefined {
    if (plain === encrypted) return undefined
    const { definition } = this.#workspace.settings
    for (const place of secretPlaces(this.#workspace, key, plain)) {
      const difference = translatedNow(() =>
        readDifference(definition, place, { plain, encrypted }, this.#keys),
      )
      if (difference !== undefined) return difference
    }
    return undefined
  }

  #staysPlain({ places }: SecretPart): boolean {
    return this.#plaintext.some((path) => places.some((place) => isAlong(path, place.path)))
  }

  /**
   * The text of a key with all envelopes of other keys made again with the current one; undefined where there is none.
   *
   * @param withPlain whether plain texts become envelopes too; all of them stay where one would be read as another value
   */
  renew(key: string, text: string, withPlain: boolean): Renewed {
    const renewed = this.#map(key, text, (at, part) => {
      const plain = isPlain(at, part) ? (withPlain ? part : undefined) : this.#openOld(at, part)
      return plain === undefined ? part : translatedNow(() => this.#make(at, plain))
    })
    if (withPlain && this.#difference(key, this.open(key, text), renewed) !== undefined)
      return { ...this.renew(key, text, false), isUnwritable: true }
    return { text: renewed === text ? undefined : renewed, isUnwritable: false }
  }

  /** Whether two texts of a key differ by their envelopes alone. */
  isSame(key: string, one: string, other: string): boolean {
    const [first, second] = [one, other].map((text) =>
      this.#map(key, text, (at, part) => `text:${this.#open(at, part) ?? part}`),
    )
    return first === second
  }

  /** The places of a key that have plain text and should have an envelope. */
  plainIn(key: string, text: string): readonly Path[] {
    const found: Path[] = []
    this.#map(key, text, (at, part) => {
      if (isPlain(at, part)) found.push(...at.places.map(({ path }) => path))
      return part
    })
    return found
  }

  /** The texts of a key that are encrypted or should be, each with its path. */
  textsIn(key: string, text: string): readonly SecretText[] {
    const found: SecretText[] = []
    this.#map(key, text, (at, part) => {
      const keyId = keyIdOf(part)
      const isOpen = at.places.every((place) => this.#openAt(place, part) !== undefined)
      if (keyId !== undefined || isPlain(at, part)) found.push({ path: at.path, keyId, isOpen })
      return part
    })
    return found
  }

  /** The text of an envelope of another key than the current one. */
  #openOld(at: SecretPart, part: string): string | undefined {
    return keyIdOf(part) === this.#keys.current?.id ? undefined : this.#open(at, part)
  }

  #make(at: SecretPart, text: string): string {
    return encryptText(this.#workspace.settings.definition, at, text, this.#keys)
  }

  /** What an envelope holds: it opens at one of its places, and mostly at all. */
  #open({ places }: SecretPart, text: string): string | undefined {
    for (const place of places) {
      const plain = this.#openAt(place, text)
      if (plain !== undefined) return plain
    }
    return undefined
  }

  #openAt(at: SecretPlace, text: string): string | undefined {
    return decryptText(this.#workspace.settings.definition, at, text, this.#keys)
  }

  /** By key, path and plain text. */
  #envelopesIn(key: string, text: string): ReadonlyMap<string, string> {
    const envelopes = new Map<string, string>()
    this.#map(key, text, (at, part) => {
      const plain = this.#open(at, part)
      if (plain !== undefined) envelopes.set(JSON.stringify([key, at.path, plain]), part)
      return part
    })
    return envelopes
  }

  #map(key: string, text: string, change: ChangePart): string {
    const places = secretPlaces(this.#workspace, key, text)
    if (places.length === 0) return text
    const isMixed = (whole: string) =>
      this.#strays.isIn(whole) ||
      this.#plaintext.some((path) => places.some((place) => isBelow(path, place.path)))
    return mapParts(this.#workspace, { key, places, text }, isMixed, change)
  }
}

function isBelow(path: Path, top: Path): boolean {
  return path.length > top.length && isWithin(path, top)
}
