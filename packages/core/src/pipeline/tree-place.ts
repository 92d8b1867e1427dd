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

/** Where a key leads. */
export interface TreePlace {
  readonly trail: Trail
  schemaNode: SchemaNode | undefined
  /** The schema node of the directory the key is in. */
  readonly above: SchemaNode | undefined
  /** The key's path without its last segment. */
  readonly directory: string
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
    const known = this.variables.placeOf(layer, path)
    if (known !== undefined) return isNames(known) ? this.at(known) : known.reason
    const found = this.#find(layer, path)
    const place = found.isOpen ? this.variables.put(layer, path, found.place) : found.place
    if (!isNames(place)) return place.reason
    const { separator } = itemAt(this.#layers, layer)
    return { ...this.at(place), directory: path.slice(0, path.lastIndexOf(separator) + 1) }
  }

  /** The place that names lead to. Makes the nodes on the way. */
  at(names: readonly string[]): TreePlace {
    const trail = new Trail(this.#root)
    let above: SchemaNode | undefined
    let schemaNode: SchemaNode | undefined = this.#schemaNode
    for (const name of names) {
      trail.enter(trail.end.makeChild(name))
      above = schemaNode
      schemaNode = schemaNode === undefined ? undefined : childSchemaNode(schemaNode, name)
    }
    return { trail, schemaNode, above, directory: '' }
  }

  /** The variables that lead elsewhere than where they were put. */
  moves(): readonly MovedVariable[] {
    return this.variables.moves((layer, path) => this.#find(layer, path).place)
  }

  /** The names a path leads over; `isOpen` where a variable has a segment that the schema leaves open. */
  #find(layer: number, path: string): { readonly place: VariablePlace; readonly isOpen: boolean } {
    const info = itemAt(this.#layers, layer)
    const segments = path === '' ? [] : path.split(info.separator, MAX_DEPTH + 1)
    const names = [...mountOf(info)]
    let isOpen = false
    if (names.length + segments.length > MAX_DEPTH)
      return { place: { reason: `more than ${MAX_DEPTH} levels` }, isOpen }
    let schemaNode = schemaNodeAt(this.#schemaNode, names)
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

  /** The same for the key after `last`, which most often is in the same directory; then `last` is moved on. */
  placeBeside(last: TreePlace, layer: number, path: string): TreePlace | string {
    const { trail, above, directory } = last
    const isBeside =
      directory !== '' && path.startsWith(directory) && path.indexOf('/', directory.length) === -1
    if (!isBeside || itemAt(this.#layers, layer).separator !== '/') return this.place(layer, path)
    const name = this.#readSegment(layer, path.slice(directory.length), above)
    if (typeof name !== 'string') return name.reason
    trail.leave()
    trail.enter(trail.end.makeChild(name))
    last.schemaNode = above === undefined ? undefined : childSchemaNode(above, name)
    return last
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
