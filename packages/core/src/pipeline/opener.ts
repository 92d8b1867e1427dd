import { isEnvelope, namesEnvelope, openEnvelope, parseEnvelope } from '../encryption/envelope.ts'
import type { KeySet } from '../encryption/key-set.ts'
import { type Cover, coverOf } from '../format/cover.ts'
import { WrittenScalar } from '../format/written-scalar.ts'
import { childSchemaNode } from '../schema/child-node.ts'
import { isEncryptedAt } from '../schema/describe.ts'
import { canonicalName } from '../schema/property-name.ts'
import { type SchemaNode, someReading } from '../schema/schema-node.ts'
import { type LayerInfo, Unreadable } from '../source/source.ts'
import { itemAt } from '../item-at.ts'
import { boundPath, otherBoundPaths } from './bound-path.ts'
import { type Container, containerIn, holdsEnvelope, isContainer } from './container-in.ts'
import { isPlainObject, mayBeDocument, parseJson } from './document.ts'
import { isEmptyContainer, mayMeanMore } from './empty-content.ts'
import { isListOfPairs } from './part-node.ts'
import { unheld } from './tree-place.ts'
import { Unopened } from './unopened.ts'

/** Where a value stands: its layer, the names that lead to it, and what the schema has there. */
export interface ValuePlace {
  readonly layer: number
  readonly names: readonly string[]
  readonly schemaNode: SchemaNode | undefined
}

/** Opens the envelopes of a tree as they are put into it; what is no envelope is handed back as it is, the same instance. */
export class Opener {
  keys: KeySet
  readonly #schemaNode: SchemaNode
  readonly #layers: readonly LayerInfo[]

  constructor(schemaNode: SchemaNode, layers: readonly LayerInfo[], keys: KeySet) {
    this.#schemaNode = schemaNode
    this.#layers = layers
    this.keys = keys
  }

  /** Whether a value is text that is neither opened nor read as a document, wherever it stands: most are. */
  isNeverMore(value: unknown): boolean {
    return (
      typeof value === 'string' &&
      !this.#schemaNode.hasEncrypted &&
      !namesEnvelope(value) &&
      !mayBeDocument(value)
    )
  }

  /**
   * What the envelope of one leaf holds, or `Unopened`. Lists and objects are left to those who read their parts.
   *
   * @param isQuoted a text stands in a document, or in nested objects
   */
  open(place: ValuePlace, value: unknown, isQuoted: boolean): unknown {
    return this.#leaf(place, value, coverOf(value), isQuoted)
  }

  /**
   * The same for the parts of a value that is kept whole, such as a list, also as JSON text; the first that cannot be opened
   * stands for all. Where the schema asks for no envelope inside, one that is there is refused as anywhere else.
   */
  openInside(place: ValuePlace, value: unknown): unknown {
    const { schemaNode } = place
    const isAsked =
      this.#schemaNode.hasEncrypted && (schemaNode?.hasEncrypted === true || this.#isEncrypted(place))
    if (!isAsked && (schemaNode === undefined || (typeof value === 'string' && !namesEnvelope(value))))
      return value
    const content = contentAt(place, value)
    if (isAsked && isOpaque(content)) return this.#opaque(content)
    if (!isContainer(content) || (!isAsked && !holdsEnvelope(content))) return value
    const opened = this.#parts(place, content)
    return opened === content ? value : opened
  }

  /**
   * What stands for a document that only says that there is something: an empty one is nothing where it is all that is encrypted,
   * and below that it has a name, and whatever defaults the schema gives. Undefined where it may stay.
   */
  refusalOfEmpty(place: ValuePlace, content: Record<string, unknown>): Unopened | undefined {
    const isEmpty = this.#isPart(place) && holdsNothing(content, place.schemaNode)
    return isEmpty && this.keys.plaintext === 'reject' ? NOT_ENCRYPTED : undefined
  }

  #leaf(place: ValuePlace, value: unknown, cover: Cover | undefined, isQuoted: boolean): unknown {
    const { schemaNode } = place
    if (value instanceof Unreadable) return value
    if (!this.#isEncrypted(place)) return schemaNode !== undefined && isEnvelope(value) ? NOT_MARKED : value
    if (isEnvelope(value)) return this.#opened(place, value)
    const isMore = isMoreThanEmpty(place, value, isQuoted)
    const isParted = isContainer(contentAt(place, value)) && !isMore
    // An emptied part is there, with its name.
    const isNothing = cover === 'remove' || (cover === 'empty' && !isMore && !this.#isPart(place))
    return isParted || isNothing || this.keys.plaintext === 'accept' ? value : NOT_ENCRYPTED
  }

  #parts(place: ValuePlace, value: Container): unknown {
    const { schemaNode, names, layer } = place
    const isStored = itemAt(this.#layers, layer).naming === 'stored'
    const opened = new Map<string, unknown>()
    const parts = Object.entries(value)
    const isEmpty = parts.every(([, part]) => part === undefined)
    if (isEmpty && this.keys.plaintext === 'reject' && this.#isPart(place)) return NOT_ENCRYPTED
    if (!this.#isEncrypted(place) && areSecretPairs(value, schemaNode)) return PAIRS
    for (const [written, part] of parts) {
      const name = (isStored ? canonicalName(schemaNode, written, 'stored') : undefined) ?? written
      const below = schemaNode === undefined ? undefined : childSchemaNode(schemaNode, name)
      const own = this.#part({ layer, names: [...names, name], schemaNode: below }, part)
      if (own instanceof Unopened) return own
      if (own !== part) opened.set(written, own)
    }
    if (opened.size === 0) return value
    const partOf = (name: string, part: unknown) => (opened.has(name) ? opened.get(name) : part)
    if (Array.isArray(value)) return value.map((part, index) => partOf(String(index), part))
    return Object.fromEntries(parts.map(([name, part]) => [name, partOf(name, part)]))
  }

  #part(place: ValuePlace, part: unknown): unknown {
    if (isEnvelope(part) && !this.#isEncrypted(place)) return NOT_MARKED
    const content = contentAt(place, part)
    // What hides lower layers elsewhere is text here, since nothing is merged.
    if (isOpaque(content) && place.schemaNode?.hasEncrypted === true) return this.#opaque(content)
    if (!isContainer(content) || isMoreThanEmpty(place, part, true))
      return this.#leaf(place, part, undefined, true)
    const opened = this.#parts(place, content)
    return opened === content ? part : opened
  }

  /** What a program gives as a set, a map or an instance of a class has parts that are not looked into. */
  #opaque(value: object): unknown {
    return this.keys.plaintext === 'accept' ? value : NOT_ENCRYPTED
  }

  #isEncrypted({ names }: Pick<ValuePlace, 'names'>): boolean {
    return this.#schemaNode.hasEncrypted && isEncryptedAt(this.#schemaNode, names)
  }

  /** Whether it lies below a place that is encrypted. */
  #isPart({ names }: ValuePlace): boolean {
    return names.length > 0 && this.#isEncrypted({ names: names.slice(0, -1) })
  }

  /** The text of a key, or the value of a document. */
  #opened({ layer, names }: ValuePlace, text: string): unknown {
    const parsed = parseEnvelope(text)
    if (parsed.type === 'malformed')
      return new Unopened('envelope_damaged', `an encrypted value that ${parsed.problem}. ${WRITE_AGAIN}`)
    const { form, keyId } = parsed
    const key = this.keys.find(keyId)
    if (key === undefined) return new Unopened('key_missing', missingKey(keyId, this.keys))
    const what = `a value encrypted with key "${keyId}" that does not open: it was altered, or moved here from another place, or the key is another one of that id. ${WRITE_AGAIN}`
    const info = itemAt(this.#layers, layer)
    const content =
      openEnvelope(key, boundPath(this.#schemaNode, names, info), parsed) ??
      otherBoundPaths(this.#schemaNode, names, info, this.#layers)
        .map((path) => openEnvelope(key, path, parsed))
        .find((opened) => opened !== undefined)
    if (content === undefined) return new Unopened('envelope_damaged', what)
    if (form === 'text') return content
    const read = parseJson(content)
    return read === undefined ? new Unopened('envelope_damaged', `${NO_JSON}. ${WRITE_AGAIN}`) : read.value
  }
}

const WRITE_AGAIN = 'Write it with livetree set'
const NO_JSON = 'an encrypted value of form 2 in which there is no JSON'
const NOT_ENCRYPTED = new Unopened(
  'not_encrypted',
  `plain text where the schema asks for an encrypted value. ${WRITE_AGAIN}`,
)
const NOT_MARKED = new Unopened(
  'not_marked_encrypted',
  'an encrypted value, and the schema of this version does not say that it is: mark it with secret(…, { encrypted: true })',
)
const PAIRS = new Unopened(
  'not_encrypted',
  'a map with encrypted values that is written as a list of pairs. Write it as an object',
)

/** Whether a map has its entries in a list, in which they have no names that an envelope could be bound to. */
function areSecretPairs(value: Container, schemaNode: SchemaNode | undefined): boolean {
  if (schemaNode === undefined || !isListOfPairs(value)) return false
  return (
    value.length > 0 && someReading(schemaNode, (reading) => reading.type === 'map' && reading.hasEncrypted)
  )
}

function missingKey(keyId: string, { absence, ids }: KeySet): string {
  const what = `a value encrypted with key "${keyId}"`
  if (absence !== undefined) return `${what}, and ${absence}`
  return `${what}, which the keyring does not have; it has ${ids.length === 0 ? 'none' : ids.map((id) => `"${id}"`).join(', ')}`
}

/** Whether all that a document has goes away: the tree holds no value of it. */
function holdsNothing(content: Record<string, unknown>, schemaNode: SchemaNode | undefined): boolean {
  return Object.entries(content).every(([name, value]) => {
    if (value === undefined || coverOf(value) === 'remove' || unheld(name, schemaNode) !== undefined)
      return true
    const below = schemaNode === undefined ? undefined : childSchemaNode(schemaNode, name)
    return isPlainObject(value) && holdsNothing(value, below)
  })
}

/** The list or object that a value is, or may be read as. */
function contentAt({ schemaNode }: ValuePlace, value: unknown): unknown {
  return typeof value === 'string' ? containerIn(value, schemaNode) : value
}

/** Whether what looks empty, or says so, may be read as more than that. */
function isMoreThanEmpty({ schemaNode }: ValuePlace, value: unknown, isQuoted: boolean): boolean {
  const isEmptied = coverOf(value) === 'empty'
  if (schemaNode === undefined || !(isEmptied || isEmptyContainer(value))) return false
  return mayMeanMore(schemaNode, isEmptied ? {} : value, isQuoted)
}

function isOpaque(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || isContainer(value)) return false
  return !(value instanceof WrittenScalar || value instanceof Unreadable)
}
