import { runsOwnCode } from '../schema/own-code.ts'
import { refusedName } from '../schema/refused-name.ts'
import { isMadeWhenAbsent, isScalar } from '../schema/directory.ts'
import {
  coreOf,
  type ObjectNode,
  type PropertyNode,
  type RecordNode,
  type SchemaNode,
} from '../schema/schema-node.ts'
import { bareObject, isPlainObject, MAX_DEPTH } from './document.ts'
import { type FilledObject, filledObject, hasPrefault } from './filled-object.ts'
import { inputOf } from './input.ts'
import type { LayerTree } from './layer-tree.ts'
import { isCoveredByObject, isGiven, type NestedLayers, scalarOrAboveLayer } from './node-content.ts'
import { validate, type RawIssue, validateRead } from './validate.ts'
import { frozen, keyTwice, ownPart, settle, settleComposed, validateAlone } from './node-result.ts'
import { noteNames, notedNames } from './names.ts'
import { collectIssues, type LocatedIssue } from './located-issues.ts'
import { noteGiven } from './given-input.ts'
import { NamesByKey } from './names-by-key.ts'
import { freezeObject } from './share.ts'
import { ReadingNotes } from './reading-notes.ts'
import { hasKey, isPresent, topEntry, type TreeNode } from './tree-node.ts'
import type { TrialJournal } from './trial-journal.ts'
import { type UnusedSpot, unusedBelow, unusedChildren } from './unused.ts'
import { UnusedNotes } from './unused-notes.ts'

/**
 * Validates the tree, node by node, and stores the result at each node; only nodes on the path to a change are
 * validated again. Objects and records without refinements of their own are assembled from their parts, as zod would;
 * all else is given to zod whole.
 */
export class Decoder {
  /** Keys no schema knows, by the node whose judging found them; holds only while that node is judged for itself. */
  readonly unused = new UnusedNotes()
  readonly #root: TreeNode
  readonly #schemaNode: SchemaNode
  /** The way to the node that is being judged. */
  readonly #path: string[] = []
  readonly #nested: NestedLayers
  readonly #journal: TrialJournal
  /** The keys of records that zod has made of names: of ten thousand names it would be asked again with each change. */
  readonly #keys = new WeakMap<TreeNode, { readonly schemaNode: RecordNode; readonly key: unknown }>()

  constructor(
    schemaNode: SchemaNode,
    { root, journal }: Pick<LayerTree, 'root' | 'journal'>,
    nested: NestedLayers = [],
  ) {
    this.#schemaNode = schemaNode
    this.#root = root
    this.#journal = journal
    this.#nested = nested
  }

  /** The root's value, sharing what it can with `previous`; undefined with `issues()` to ask when it is not valid. */
  decode(previous: unknown): { isValid: boolean; value: unknown } {
    const root = this.#root
    if (isMadeWhenAbsent(this.#schemaNode) || isGiven(this.#schemaNode, root, -1, this.#nested))
      this.#validate(this.#schemaNode, root, -1, previous)
    else this.#validateWhole(this.#schemaNode, root, -1, previous)
    this.unused.end()
    return { isValid: root.isValid, value: root.value }
  }

  /** What is wrong, as far as it was kept, and how much more there is. */
  issues(): { readonly found: readonly LocatedIssue[]; readonly unlisted: number } {
    const found: LocatedIssue[] = []
    const unlisted = collectIssues(this.#schemaNode, this.#root, [], found)
    return { found, unlisted }
  }

  #validate(schemaNode: SchemaNode, node: TreeNode, aboveLayer: number, previous: unknown): void {
    if (node.isFresh(aboveLayer)) return
    this.#journal.note(node).begin(aboveLayer)
    this.unused.forget(node)
    if (schemaNode.type === 'leaf' && schemaNode.isAnyText) {
      const text = topEntry(node, aboveLayer)?.value
      if (typeof text === 'string' && !isCoveredByObject(node, aboveLayer, this.#nested)) {
        if (node.childCount > 0) this.#noteUnused(node, this.#unusedBelow(schemaNode, node, aboveLayer))
        node.keep(text)
        return
      }
    }
    if (schemaNode.isDecomposable) {
      const found = scalarOrAboveLayer(node, aboveLayer)
      if ('aboveLayer' in found) {
        this.#compose(schemaNode, node, found.aboveLayer, previous)
        return
      }
    }
    this.#validateWhole(schemaNode, node, aboveLayer, previous)
  }

  #compose(schemaNode: SchemaNode, node: TreeNode, aboveLayer: number, previous: unknown): void {
    const core = coreOf(schemaNode)
    const before = isPlainObject(previous) ? previous : undefined
    node.markComposed()
    if (core.type === 'object') this.#composeObject(core, node, aboveLayer, before)
    else if (core.type === 'record') this.#composeRecord(core, node, aboveLayer, before)
  }

  #composeObject(
    schemaNode: ObjectNode,
    node: TreeNode,
    aboveLayer: number,
    before: Record<string, unknown> | undefined,
  ): void {
    const value: Record<string, unknown> = {}
    let isValid = true
    for (const property of schemaNode.properties.values()) {
      const { name } = property
      const child = node.makeChild(name)
      if (!child.isFixed && (isMadeWhenAbsent(property.schemaNode) || hasPrefault(property.schemaNode)))
        child.markFixed()
      if (!child.isFresh(aboveLayer)) {
        const prior = ownPart(before, name)
        this.#path.push(name)
        if (
          isMadeWhenAbsent(property.schemaNode) ||
          isGiven(property.schemaNode, child, aboveLayer, this.#nested)
        )
          this.#validate(property.schemaNode, child, aboveLayer, prior)
        else this.#validateAbsent(property, child, aboveLayer, prior)
        this.#path.pop()
      }
      if (!child.isValid) isValid = false
      else if (child.isHeld) value[name] = child.value
    }
    if (node.childCount > schemaNode.properties.size)
      isValid = this.#composeUnknown(schemaNode, node, aboveLayer, { before, value }) && isValid
    if (isValid) settleComposed(schemaNode, node, freezeObject(before, value, schemaNode))
  }

  /** Keys that are no property: unused, refused, or what the catchall makes of them. Whether they are valid. */
  #composeUnknown(
    schemaNode: ObjectNode,
    node: TreeNode,
    aboveLayer: number,
    target: { before: Record<string, unknown> | undefined; value: Record<string, unknown> },
  ): boolean {
    const { catchall } = schemaNode
    // What a catchall takes is known, but for a directory where it takes scalars.
    if (catchall === undefined || isScalar(catchall))
      this.#noteUnused(node, unusedChildren(schemaNode, node, aboveLayer, [...this.#path], this.#nested))
    if (catchall === undefined) return true
    const refused = bareObject()
    let isValid = true
    for (const child of node.children) {
      const { name } = child
      if (schemaNode.properties.has(name)) continue
      if (schemaNode.strict !== undefined && hasKey(child, aboveLayer)) refused[name] = undefined
      else if (!isPresent(child, aboveLayer)) this.#journal.note(child).markDirty()
      else if (!isGiven(catchall, child, aboveLayer, this.#nested)) this.#journal.note(child).markDirty()
      else {
        this.#path.push(name)
        this.#validate(catchall, child, aboveLayer, ownPart(target.before, name))
        this.#path.pop()
        if (!child.isValid) isValid = false
        else target.value[name] = child.value
      }
    }
    const result = schemaNode.strict === undefined ? undefined : validate(schemaNode.strict, refused)
    if (result?.isValid === false) {
      noteGiven(result.issues, refused)
      node.refuse(result.issues)
    }
    return isValid && result?.isValid !== false
  }

  #composeRecord(
    schemaNode: RecordNode,
    node: TreeNode,
    aboveLayer: number,
    before: Record<string, unknown> | undefined,
  ): void {
    const value: Record<string, unknown> = {}
    const issues: RawIssue[] = []
    const isAnyKey = schemaNode.key.type === 'leaf' && schemaNode.key.isAnyText
    const namesByKey = new NamesByKey()
    let isValid = true
    let hasUnused = false
    let isOther = false
    let names = notedNames(before)
    let count = 0
    for (const child of node.children) {
      const { name } = child
      if (!child.isFresh(aboveLayer) && !isGiven(schemaNode.value, child, aboveLayer, this.#nested)) {
        this.#journal.note(child).markDirty()
        hasUnused ||= isPresent(child, aboveLayer)
        continue
      }
      const key = isAnyKey ? name : this.#recordKey(schemaNode, child, issues)
      if (typeof key !== 'string') {
        this.#journal.note(child).markDirty()
        continue
      }
      const other = isAnyKey ? undefined : namesByKey.add(key, name)
      if (other !== undefined) issues.push({ path: [name], ...keyTwice(other, name) })
      if (!child.isFresh(aboveLayer)) {
        const prior = ownPart(before, key)
        this.#path.push(name)
        this.#validate(schemaNode.value, child, aboveLayer, prior)
        this.#path.pop()
        isOther ||= isAnyKey && child.isValid && !Object.is(child.value, prior)
      }
      if (!child.isValid) isValid = false
      else if (key !== '__proto__') {
        value[key] = child.value
        if (names !== undefined && names[count] !== key) names = undefined
        count++
      }
    }
    if (hasUnused)
      this.#noteUnused(node, unusedChildren(schemaNode, node, aboveLayer, [...this.#path], this.#nested))
    if (issues.length > 0) node.refuse(issues)
    if (!isValid || issues.length > 0) return
    if (names?.length === count) noteNames(value, names)
    settleComposed(schemaNode, node, freezeObject(isOther ? undefined : before, value, schemaNode))
  }

  #recordKey(schemaNode: RecordNode, child: TreeNode, issues: RawIssue[]): unknown {
    const known = this.#keys.get(child)
    if (known?.schemaNode === schemaNode) return known.key
    const { name } = child
    const refused = refusedName(schemaNode.key, name)
    const result = refused === undefined ? validate(schemaNode.key.schema, name) : undefined
    if (result?.isValid) {
      const { value: key } = result
      if (!runsOwnCode(schemaNode.key.schema)) this.#keys.set(child, { schemaNode, key })
      return key
    }
    const reasons = refused ?? result?.issues.map((issue) => issue.message).join(', ')
    issues.push({ path: [name], code: 'invalid_key', message: `Invalid key in record: ${reasons}` })
    return undefined
  }

  /** Nothing is there: zod, given an object without the property, says whether that is an error, a default or nothing. */
  #validateAbsent(property: PropertyNode, node: TreeNode, aboveLayer: number, previous: unknown): void {
    this.#journal.note(node).begin(aboveLayer)
    this.unused.forget(node)
    if (node.leafCount > 0) this.#noteUnused(node, this.#unusedBelow(property.schemaNode, node, aboveLayer))
    const filled = node.leafCount > 0 ? undefined : filledObject(property.schemaNode)
    if (filled !== undefined && this.#composeFilled(filled, node, aboveLayer, previous)) return
    validateAlone(property, node, previous)
  }

  /** An object of the parts that `filled` gives, and of absent ones. False where that is not valid. */
  #composeFilled(
    { core, given }: FilledObject,
    node: TreeNode,
    aboveLayer: number,
    previous: unknown,
  ): boolean {
    // Where a schema leads to itself without end, that is for zod to find.
    if (this.#path.length > MAX_DEPTH) return false
    const before = isPlainObject(previous) ? previous : undefined
    const value: Record<string, unknown> = {}
    for (const property of core.properties.values()) {
      const { name } = property
      const child = node.makeChild(name)
      const prior = ownPart(before, name)
      this.#path.push(name)
      if (Object.hasOwn(given, name)) {
        this.#journal.note(child).begin(aboveLayer)
        validateAlone(property, child, prior, { [name]: given[name] })
        // What was made of the given value does not hold once there is a key beside it.
        child.markDirty()
      } else if (!child.isFresh(aboveLayer)) this.#validateAbsent(property, child, aboveLayer, prior)
      this.#path.pop()
      if (!child.isValid) return false
      if (child.isHeld) value[name] = child.value
    }
    settleComposed(core, node, freezeObject(before, value, core))
    return node.isValid
  }

  #validateWhole(schemaNode: SchemaNode, node: TreeNode, aboveLayer: number, previous: unknown): void {
    this.#journal.note(node).begin(aboveLayer)
    const issues: RawIssue[] = []
    const notes = schemaNode.type === 'leaf' ? undefined : new ReadingNotes()
    const input = inputOf(schemaNode, node, aboveLayer, issues, this.#nested, notes)
    if (notes !== undefined || node.childCount > 0)
      this.#noteUnused(node, this.#unusedBelow(schemaNode, node, aboveLayer, notes))
    const result = frozen(validateRead(schemaNode.schema, input, issues), previous, schemaNode)
    if (!result.isValid) noteGiven(result.issues, input, result.unlisted)
    settle(node, result)
  }

  #unusedBelow(schemaNode: SchemaNode, node: TreeNode, aboveLayer: number, notes?: ReadingNotes) {
    return unusedBelow(schemaNode, node, aboveLayer, [...this.#path], this.#nested, notes)
  }

  #noteUnused(node: TreeNode, spots: readonly UnusedSpot[]): void {
    if (spots.length > 0) this.unused.note(node, this.#path, spots)
  }
}
