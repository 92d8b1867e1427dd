import { isMadeWhenAbsent } from '../schema/directory.ts'
import type { SchemaNode } from '../schema/schema-node.ts'
import { validate } from '../pipeline/validate.ts'
import { readLeaves } from './read-back.ts'
import { sizeWrittenOut } from './size-written-out.ts'

/** Above this size the parts are asked instead of the whole: a value may double with each level of the schema. */
const MAX_READ = 1_000

/** Which schemas give a value where the tree has nothing: objects and records, if nothing inside has to be given. */
export class CanBeAbsent {
  readonly #known = new Map<SchemaNode, boolean>()

  of(node: SchemaNode): boolean {
    const known = this.#known.get(node)
    if (known !== undefined) return known
    // A schema that comes back to itself is not read any further.
    this.#known.set(node, false)
    const canBe = isMadeWhenAbsent(node) && this.#isMade(node)
    this.#known.set(node, canBe)
    return canBe
  }

  #isMade(node: SchemaNode): boolean {
    if (sizeWrittenOut(node.schema) <= MAX_READ) return readLeaves(node, [], { isRenamed: false }).isValid
    if (node.type === 'wrapper') return this.of(node.inner)
    if (node.type !== 'object') return true
    return [...node.properties.values()].every(
      ({ alone, schemaNode }) => this.of(schemaNode) || validate(alone, {}).isValid,
    )
  }
}
