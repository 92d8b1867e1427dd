import { itemAt } from '../item-at.ts'
import { childSchemaNode } from '../schema/child-node.ts'
import { schemaNodeAt } from '../schema/describe.ts'
import { canonicalName, hasOpenNames, propertyOf } from '../schema/property-name.ts'
import { coreOf, type SchemaNode } from '../schema/schema-node.ts'
import { isBroken } from '../key-text.ts'
import { isHeldName, PROTO } from '../format/held-name.ts'
import type { LayerInfo } from '../source/source.ts'
import { decodeSegment, encodeSegment } from '../format/key-segment.ts'
import { MAX_DEPTH } from './document.ts'
import { mountOf } from './mount.ts'
import { TO_JSON } from './redact.ts'
import { Trail } from './trail.ts'
import type { TreeNode } from './tree-node.ts'
import { isNames, type MovedVariable, VariableNames, type VariablePlace } from './variable-names.ts'

/** Where a key leads: the way to its node, with what the schema has for each node. It is moved from key to key. */
export class TreePlace {
  readonly trail: Trail
  /** The key's path without its last segment; empty for a variable. */
  directory = ''
  /** The schema nodes of the nodes of the trail. */
  readonly #schemaNodes: (SchemaNode | undefined)[]

  constructor(root: TreeNode, schemaNode: SchemaNode) {
    this.trail = new Trail(root)
    this.#schemaNodes = [schemaNode]
  }

  /** The schema node of the node it leads to. */
  get schemaNode(): SchemaNode | undefined {
    return this.#schemaNodes.at(-1)
  }

  /** Moves on to the child of that name, which is made if there is none. */
  enter(name: string): void {
    const { trail, schemaNode } = this
    trail.enter(trail.end.makeChild(name))
    this.#schemaNodes.push(schemaNode === undefined ? undefined : childSchemaNode(schemaNode, name))
  }

  /** Moves back to the parent. */
  leave(): void {
    this.trail.leave()
    this.#schemaNodes.pop()
  }
}

const NOT_ENCODED = 'a segment that is not valid percent-encoded UTF-8'
const NOT_TEXT = 'bytes that are not UTF-8 text, each shown as \\x and two digits'

/** Why a directory, read by `schemaNode`, cannot hold a name; undefined where it can. */
export function unheld(name: string, schemaNode: SchemaNode | undefined): string | undefined {
  if (!isHeldName(name)) return PROTO
  const isShown = name === 'toJSON' && schemaNode?.hasSecret === true && coreOf(schemaNode).type !== 'map'
  return isShown ? TO_JSON : undefined
}

const STYLE = { stored: 'how that name is written', env: 'in upper case' } as const

function notWritten(segment: string, naming: keyof typeof STYLE): string {
  return `the segment ${segment}, which is not ${STYLE[naming]}`
}

/** The names that a path leads over; `isOpen` where a variable has a segment that the schema leaves open. */
interface FoundPlace {
  readonly place: VariablePlace
  readonly isOpen: boolean
}

/** Finds the place of a key in the tree: what its segments are called there, and what the schema has for it. */
export class TreePlaces {
  readonly #schemaNode: SchemaNode
  readonly #root: TreeNode
  readonly #layers: readonly LayerInfo[]
  readonly #needsNames: readonly boolean[]
  /** Where the variables lead that name entries of records. */
  readonly variables: VariableNames

  constructor(
    schemaNode: SchemaNode,
    root: TreeNode,
    layers: readonly LayerInfo[],
    options: { isRenamed: boolean },
  ) {
    this.#schemaNode = schemaNode
    this.#root = root
    this.#layers = layers
    this.variables = new VariableNames(root, layers)
    this.#needsNames = layers.map(
      (layer) => layer.naming === 'env' || (layer.naming === 'stored' && options.isRenamed),
    )
  }

  /** Where a path leads, or why it leads nowhere. Makes the nodes on the way. */
  place(layer: number, path: string): TreePlace | string {
    const names = this.names(layer, path)
    if (!isNames(names)) return names.reason
    const place = this.at(names)
    const { separator, naming } = itemAt(this.#layers, layer)
    if (naming !== 'env') place.directory = directoryIn(path, separator)
    return place
  }

  /** The names that a path leads over, or why it leads nowhere. */
  names(layer: number, path: string): VariablePlace {
    const known = this.variables.placeOf(layer, path)
    if (known !== undefined) return known
    const { place, isOpen } = this.#find(layer, path)
    return isOpen ? this.variables.put(layer, path, place) : place
  }

  /**
   * The same for a key that comes after that of `last`, most often in the same directory or in one beside it. Moves `last`
   * there, as far as the two have their way in common.
   */
  placeNear(last: TreePlace, layer: number, path: string): TreePlace | string {
    const { separator } = itemAt(this.#layers, layer)
    // Each variable is looked up by itself.
    if (separator !== '/' || last.directory === '') return this.place(layer, path)
    last.leave()
    while (!path.startsWith(last.directory)) {
      last.directory = directoryIn(last.directory.slice(0, -1), separator)
      if (last.directory === '') return this.place(layer, path)
      last.leave()
    }
    return this.#placeBelow(last, layer, path)
  }

  /** Moves a place from the directory that it leads to. */
  #placeBelow(place: TreePlace, layer: number, path: string): TreePlace | string {
    const rest = path.slice(place.directory.length)
    if (!rest.includes('/')) {
      const name = this.#readSegment(layer, rest, place.schemaNode)
      if (typeof name !== 'string') return name.reason
      place.enter(name)
      return place
    }
    const above = place.trail.names
    const found = this.#read(layer, rest, above, place.schemaNode).place
    if (!isNames(found)) return found.reason
    for (const name of found.slice(above.length)) place.enter(name)
    place.directory = directoryIn(path, '/')
    return place
  }

  /** The place that names lead to. Makes the nodes on the way. */
  at(names: readonly string[]): TreePlace {
    const place = new TreePlace(this.#root, this.#schemaNode)
    for (const name of names) place.enter(name)
    return place
  }

  /** The variables that lead elsewhere than where they were put. */
  moves(): readonly MovedVariable[] {
    return this.variables.moves((layer, path) => this.#find(layer, path).place)
  }

  #find(layer: number, path: string): FoundPlace {
    const mount = mountOf(itemAt(this.#layers, layer))
    return this.#read(layer, path, mount, schemaNodeAt(this.#schemaNode, mount))
  }

  /** Reads a path below the directory that the names `above` lead to, which `schemaNodeAbove` reads. */
  #read(
    layer: number,
    path: string,
    above: readonly string[],
    schemaNodeAbove: SchemaNode | undefined,
  ): FoundPlace {
    const info = itemAt(this.#layers, layer)
    const segments = path === '' ? [] : path.split(info.separator, MAX_DEPTH + 1)
    const names = [...above]
    let isOpen = false
    if (names.length + segments.length > MAX_DEPTH)
      return { place: { reason: `more than ${MAX_DEPTH} levels` }, isOpen }
    let schemaNode = schemaNodeAbove
    for (const segment of segments) {
      const isOpenHere = info.naming === 'env' && hasOpenNames(schemaNode, segment)
      isOpen ||= isOpenHere
      const name = isOpenHere
        ? this.#openName(names, segment, schemaNode)
        : this.#readSegment(layer, segment, schemaNode)
      if (typeof name !== 'string') return { place: name, isOpen }
      names.push(name)
      schemaNode = schemaNode === undefined ? undefined : childSchemaNode(schemaNode, name)
    }
    return { place: names, isOpen }
  }

  #openName(
    path: readonly string[],
    segment: string,
    schemaNode: SchemaNode | undefined,
  ): string | { reason: string } {
    const name = this.variables.nameOf(path, segment)
    if (typeof name !== 'string') return name
    // A property goes by its own variable only.
    const isProperty = schemaNode !== undefined && propertyOf(schemaNode, name, 'properties') !== undefined
    const reason = isProperty ? notWritten(segment, 'env') : unheld(name, schemaNode)
    return reason === undefined ? name : { reason }
  }

  /** Only one way of writing each name is taken: two keys for one place would undo each other, and be shown as one. */
  #readSegment(
    layer: number,
    segment: string,
    schemaNode: SchemaNode | undefined,
  ): string | { reason: string } {
    const info = itemAt(this.#layers, layer)
    let name = segment
    if (info.separator === '/' && segment.includes('%')) {
      const decoded = decodeSegment(segment)
      if (decoded === undefined) return { reason: isBroken(segment) ? NOT_TEXT : NOT_ENCODED }
      const encoded = encodeSegment(decoded)
      if (encoded !== segment) return { reason: `the segment ${segment}, which has to be written ${encoded}` }
      name = decoded
    }
    if (this.#needsNames[layer]) {
      const naming = info.naming === 'env' ? 'env' : 'stored'
      const canonical = canonicalName(schemaNode, name, naming)
      if (canonical === undefined) return { reason: notWritten(segment, naming) }
      name = canonical
    }
    const reason = unheld(name, schemaNode)
    if (reason !== undefined) return { reason }
    // one text for all nodes of that name
    return (schemaNode === undefined ? undefined : propertyOf(schemaNode, name, 'properties')?.name) ?? name
  }
}

/** A path without its last segment, but for the separator. */
function directoryIn(path: string, separator: string): string {
  return path.slice(0, path.lastIndexOf(separator) + 1)
}
