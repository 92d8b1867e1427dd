import { LivetreeError } from '../errors.ts'
import { isMadeWhenAbsent } from './directory.ts'
import { placeText } from './name-clash.ts'
import { parts, type SchemaNode, wrappersOf } from './schema-node.ts'

/** How many parts a value may get from schemas that stand at several places, where no layer has any key. */
const MAX_REPEATED = 100_000

/**
 * Checks that no value of the schema is large before anything is given. An object that requires a shared object twice,
 * which requires another one twice, has twice as many parts at each level: loading it would never end.
 *
 * @throws LivetreeError `invalid_schema` with the path of the innermost place that is too large
 */
export function assertBounded(schemaNode: SchemaNode): void {
  new Sizes().sizeOf(schemaNode, [])
}

/** Counts each schema node once, however often it is met. */
class Sizes {
  readonly #known = new Map<SchemaNode, number>()

  /** How many schemas validate one place that has no keys, as often as each of them does. */
  sizeOf(schemaNode: SchemaNode, path: readonly string[]): number {
    const known = this.#known.get(schemaNode)
    if (known !== undefined) return known
    // What comes back to itself without end is refused elsewhere.
    this.#known.set(schemaNode, 1)
    const size = this.#count(schemaNode, path)
    if (size > MAX_REPEATED + this.#known.size) refuseLarge(path)
    this.#known.set(schemaNode, size)
    return size
  }

  #count(schemaNode: SchemaNode, path: readonly string[]): number {
    switch (schemaNode.type) {
      case 'object': {
        if (schemaNode.catchall !== undefined) this.sizeOf(schemaNode.catchall, [...path, '<key>'])
        let size = 1
        for (const { name, schemaNode: below } of schemaNode.properties.values()) {
          const inside = this.sizeOf(below, [...path, name])
          size += isFilledIn(below) ? inside : 1
        }
        return size
      }
      case 'record':
      case 'map':
      case 'list':
        for (const part of parts(schemaNode)) this.sizeOf(part, [...path, '<key>'])
        return 1
      default: {
        const sizes = parts(schemaNode).map((part) => this.sizeOf(part, path))
        const isOneChosen = schemaNode.type === 'union' && schemaNode.discriminator !== undefined
        return isOneChosen ? Math.max(...sizes) : sizes.reduce((sum, size) => sum + size, 1)
      }
    }
  }
}

/** Whether what is inside is validated where nothing is given: in objects, and behind `prefault`. */
function isFilledIn(schemaNode: SchemaNode): boolean {
  return isMadeWhenAbsent(schemaNode) || hasPrefault(schemaNode)
}

function hasPrefault(schemaNode: SchemaNode): boolean {
  for (const { schema } of wrappersOf(schemaNode)) {
    const { type } = schema._zod.def
    if (type === 'prefault' || type === 'default') return type === 'prefault'
  }
  return false
}

function refuseLarge(path: readonly string[]): never {
  throw new LivetreeError(
    'invalid_schema',
    `The schema at ${placeText(path)} has more than ${MAX_REPEATED.toLocaleString('en')} parts in every value: objects that require a shared schema several times, level upon level. Make the repeated parts optional, or keep them in a record.`,
  )
}
