import { environmentName } from '../schema/naming.ts'
import { lowerCase, upperCase } from '../schema/letter-case.ts'
import type { LayerInfo, Leaf } from '../source/source.ts'
import { compareNames } from './name-order.ts'
import { type Entry, entriesOf, type TreeNode } from './tree-node.ts'

/** Where an environment variable leads: the names on the way, or why it leads nowhere. */
export type VariablePlace = readonly string[] | { readonly reason: string }

/** A variable with a segment whose name the schema leaves open, such as the name of a record's entry. */
interface OpenVariable {
  readonly layer: number
  /** As the environment writes it, without the prefix. */
  readonly path: string
  place: VariablePlace
}

/** A directory in which variables name entries. */
interface Wanted {
  readonly below: Map<string, Wanted>
  /** By segment of a variable, all names in the directory that it may stand for; undefined until one is asked for. */
  names: Map<string, Set<string>> | undefined
  /** The segments that variables have. */
  readonly asked: Set<string>
}

/** A variable that is to be moved, because the names that other layers have are others now. */
export interface MovedVariable {
  readonly layer: number
  readonly path: string
  readonly from: VariablePlace
  readonly to: VariablePlace
}

/**
 * Environment variables are written in upper case, and the entries of a record have any name: NEW_CHECKOUT stands for the
 * `newCheckout` or `new-checkout` that another layer has, and for `new_checkout` where none has such an entry. Which name
 * is meant depends only on the names that the other layers have now, not on the order in which they came: when these
 * change, `moves` tells which variables lead elsewhere.
 */
export class VariableNames {
  readonly #root: TreeNode
  readonly #isVariable: readonly boolean[]
  /** Kept up to date while there are variables; undefined until a name is asked for. */
  #wanted: Wanted | undefined = undefined
  readonly #variables = new Map<string, OpenVariable>()
  /** By layer and place, the variable that has it: two for one place would undo each other. */
  readonly #owners = new Map<string, OpenVariable>()
  #isStale = false

  constructor(root: TreeNode, layers: readonly LayerInfo[]) {
    this.#root = root
    this.#isVariable = layers.map(({ naming }) => naming === 'env')
  }

  /** An entry came or went: names that variables stand for may be others. */
  noted(names: readonly string[], entry: Pick<Entry, 'layer' | 'document'>): void {
    if (this.#variables.size === 0) this.#wanted = undefined
    let wanted = this.#wanted
    if (wanted === undefined) return
    for (const [depth, name] of names.entries()) {
      if (wanted.names !== undefined && this.#isWritten(entry, depth)) {
        const segment = environmentName(name)
        addName(wanted.names, segment, name)
        if (wanted.asked.has(segment)) this.#isStale = true
      }
      wanted = wanted.below.get(name)
      if (wanted === undefined) return
    }
  }

  /** The name that a segment stands for in the directory at `path`; undefined where other layers have several such names. */
  nameOf(path: readonly string[], segment: string): string | { readonly reason: string } {
    // A name that no upper case stands for is written as it is.
    if (segment !== upperCase(segment)) return segment
    const names = this.#namesFor(path, segment)
    const fallback = lowerCase(segment)
    if (names.length === 0 || names.includes(fallback)) return fallback
    if (names.length === 1) return names[0] ?? fallback
    const alike = names.sort(compareNames).slice(0, 3).join(' and ')
    return { reason: `the segment ${segment}, which stands for ${alike} alike` }
  }

  /** Where a variable was put. */
  placeOf(layer: number, path: string): VariablePlace | undefined {
    return this.#variables.size === 0 ? undefined : this.#variables.get(idOf(layer, path))?.place
  }

  /** The variable of a layer that leads to a place, as the environment writes it; undefined where its name says so. */
  variableAt(layer: number, names: readonly PropertyKey[]): string | undefined {
    return this.#owners.size === 0 ? undefined : this.#owners.get(ownerId(layer, names))?.path
  }

  /** Notes where a variable with an open segment leads; one whose place is taken leads nowhere. */
  put(layer: number, path: string, place: VariablePlace): VariablePlace {
    const variable: OpenVariable = { layer, path, place }
    this.#variables.set(idOf(layer, path), variable)
    this.#assign(variable, place)
    // Two variables for one place: the first by name has it.
    if (!isNames(variable.place)) this.#isStale = true
    return variable.place
  }

  forget(layer: number, path: string): void {
    const variable = this.#variables.get(idOf(layer, path))
    if (variable === undefined) return
    this.#variables.delete(idOf(layer, path))
    this.#release(variable)
    this.#isStale = true
    if (this.#variables.size === 0) this.#wanted = undefined
  }

  /** Forgets the variables of a layer that are not among its leaves any more. */
  keepOnly(layer: number, leaves: readonly Leaf[]): void {
    if (!this.#isVariable[layer]) return
    const paths = new Set(leaves.filter(({ value }) => value !== undefined).map(({ path }) => path))
    for (const variable of this.#variables.values())
      if (variable.layer === layer && !paths.has(variable.path)) this.forget(layer, variable.path)
  }

  /** The variables that lead elsewhere than before; from now on they are taken to be there. */
  moves(find: (layer: number, path: string) => VariablePlace): readonly MovedVariable[] {
    if (!this.#isStale) return NONE
    this.#isStale = false
    const before = new Map(Array.from(this.#variables.values(), (variable) => [variable, variable.place]))
    this.#owners.clear()
    const inOrder = [...before.keys()].sort((a, b) => a.layer - b.layer || compareNames(a.path, b.path))
    for (const variable of inOrder) this.#assign(variable, find(variable.layer, variable.path))
    return inOrder.flatMap((variable) => {
      const { layer, path, place: to } = variable
      const from = before.get(variable) ?? to
      return isSamePlace(from, to) ? [] : [{ layer, path, from, to }]
    })
  }

  #assign(variable: OpenVariable, place: VariablePlace): void {
    variable.place = place
    if (!isNames(place)) return
    const owner = this.#owners.get(ownerId(variable.layer, place))
    if (owner === undefined) this.#owners.set(ownerId(variable.layer, place), variable)
    else variable.place = { reason: `the same place as ${owner.path}` }
  }

  #release(variable: OpenVariable): void {
    if (!isNames(variable.place)) return
    const id = ownerId(variable.layer, variable.place)
    if (this.#owners.get(id) === variable) this.#owners.delete(id)
  }

  /** The names that other layers have now for a segment. */
  #namesFor(path: readonly string[], segment: string): string[] {
    this.#wanted ??= nothingWanted()
    let wanted = this.#wanted
    let node: TreeNode | undefined = this.#root
    for (const name of path) {
      const next = wanted.below.get(name) ?? nothingWanted()
      wanted.below.set(name, next)
      wanted = next
      node = node?.child(name)
    }
    if (wanted.names === undefined) {
      wanted.names = new Map()
      for (const { name } of node?.children ?? []) addName(wanted.names, environmentName(name), name)
    }
    wanted.asked.add(segment)
    const known = wanted.names.get(segment) ?? new Set<string>()
    for (const name of known) {
      const child = node?.child(name)
      // Noted again when it comes back.
      if (child === undefined || !this.#hasWritten(child, path.length)) known.delete(name)
    }
    return [...known]
  }

  /** Whether a node below the directory at `depth` has anything that some layer names in its own way. */
  #hasWritten(node: TreeNode, depth: number): boolean {
    if (node.leafCount === 0) return false
    if (entriesOf(node).some((entry) => this.#isWritten(entry, depth))) return true
    if (node.documents?.some(({ layer }) => !this.#isVariable[layer])) return true
    for (const child of node.children) if (this.#hasWritten(child, depth)) return true
    return false
  }

  /** A variable's document writes the names inside it as they are. */
  #isWritten({ layer, document }: Pick<Entry, 'layer' | 'document'>, depth: number): boolean {
    return !this.#isVariable[layer] || (document !== undefined && document.path.length <= depth)
  }
}

function nothingWanted(): Wanted {
  return { below: new Map(), names: undefined, asked: new Set() }
}

function addName(names: Map<string, Set<string>>, segment: string, name: string): void {
  const known = names.get(segment)
  if (known === undefined) names.set(segment, new Set([name]))
  else known.add(name)
}

const NONE: readonly MovedVariable[] = []

export function isNames(place: VariablePlace): place is readonly string[] {
  return Array.isArray(place)
}

function isSamePlace(a: VariablePlace, b: VariablePlace): boolean {
  if (!isNames(a) || !isNames(b)) return !isNames(a) && !isNames(b) && a.reason === b.reason
  return a.length === b.length && a.every((name, index) => name === b[index])
}

function idOf(layer: number, path: string): string {
  return `${layer}:${path}`
}

function ownerId(layer: number, names: readonly PropertyKey[]): string {
  return JSON.stringify([layer, ...names.map(String)])
}
