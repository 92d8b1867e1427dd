import type * as z from 'zod/v4/core'
import { reachable } from '../reachable.ts'
import { refuse } from './refuse.ts'
import { keyTest } from './loose-record.ts'
import {
  type IntersectionNode,
  type ListNode,
  parts,
  type RecordNode,
  type SchemaNode,
  wrappersOf,
} from './schema-node.ts'
import { sealsValue } from './sealed.ts'

/**
 * Refuses an intersection in which a holder made by `sealed` would have to be merged with what the other side makes of the
 * same place: each side seals, or refuses, what it reads alone, and two holders are not one.
 *
 * @throws LivetreeError `invalid_schema`, naming the place
 */
export function refuseSealedSides(schemaNode: IntersectionNode, path: readonly string[]): void {
  const [first, ...others] = schemaNode.sides
  if (first === undefined) return
  for (const other of others) new SideComparison().compare(first, other, path)
}

class SideComparison {
  readonly #numbers = new Map<SchemaNode, number>()
  readonly #seen = new Set<string>()

  compare(one: SchemaNode, other: SchemaNode, path: readonly string[]): void {
    const pair = `${this.#numberOf(one)} ${this.#numberOf(other)}`
    if (this.#seen.has(pair)) return
    this.#seen.add(pair)
    if (isSealedHere(one) || isSealedHere(other)) {
      const remedy = 'seal the whole intersection, sealed(a.and(b)), or parts that only one side has'
      refuse(path, 'an intersection of a sealed() value with another', remedy)
    }
    for (const left of valuesOf(one))
      for (const right of valuesOf(other)) this.#compareParts(left, right, path)
  }

  /** The parts that both sides read. */
  #compareParts(left: SchemaNode, right: SchemaNode, path: readonly string[]): void {
    if (left.type === 'object' && right.type === 'object') {
      for (const { name, schemaNode } of left.properties.values()) {
        const below = right.properties.get(name)?.schemaNode
        if (below !== undefined) this.compare(schemaNode, below, [...path, name])
      }
    } else if (left.type === 'record' && right.type === 'record') {
      if (mayShareKeys(left, right)) this.compare(left.value, right.value, [...path, '<key>'])
    } else if (left.type === 'list' && right.type === 'list') {
      for (let index = 0; index <= Math.max(left.items.length, right.items.length); index++) {
        const [item, below] = [itemOf(left, index), itemOf(right, index)]
        if (item !== undefined && below !== undefined) this.compare(item, below, [...path, String(index)])
      }
    } else if (left.type === 'object' && right.type === 'record') {
      for (const { name, schemaNode } of left.properties.values())
        if (mayHold(right, name)) this.compare(schemaNode, right.value, [...path, name])
    } else if (left.type === 'record' && right.type === 'object') this.#compareParts(right, left, path)
  }

  #numberOf(schemaNode: SchemaNode): number {
    const known = this.#numbers.get(schemaNode) ?? this.#numbers.size
    this.#numbers.set(schemaNode, known)
    return known
  }
}

/** Whether the value of this place is a holder, in whatever it is wrapped. */
function isSealedHere(schemaNode: SchemaNode): boolean {
  return [...wrappersOf(schemaNode)].some(
    ({ wrapper, schema }) => wrapper === 'pipe' && sealsValue((schema as z.$ZodPipe)._zod.def),
  )
}

/** What reads the parts of a value: under wrappers, and of a further intersection each side. */
function valuesOf(schemaNode: SchemaNode): readonly SchemaNode[] {
  const isAround = ({ type }: SchemaNode) => type === 'wrapper' || type === 'intersection'
  const readings = reachable([schemaNode], (each) => (isAround(each) ? parts(each) : []))
  return [...readings].filter((each) => !isAround(each))
}

/** Whether a record has a value under a name. A loose one hands on what is under the names that are no key of it. */
function mayHold({ key, others }: RecordNode, name: string): boolean {
  return others !== undefined || keyTest(key.schema)(name)
}

/** A record of fixed keys may have none of another's. */
function mayShareKeys(one: RecordNode, other: RecordNode): boolean {
  return mayHoldKeysOf(one, other) && mayHoldKeysOf(other, one)
}

function mayHoldKeysOf(one: RecordNode, { key, others }: RecordNode): boolean {
  const { values } = key.schema._zod
  if (others !== undefined || values === undefined) return true
  return [...values].some((each) => mayHold(one, String(each)))
}

function itemOf({ as, items, rest }: ListNode, index: number): SchemaNode | undefined {
  return as === 'tuple' ? (items[index] ?? rest) : items[0]
}
