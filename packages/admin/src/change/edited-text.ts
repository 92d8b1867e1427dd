import type { Path } from '@livetree/core'
import type { LayerInfo } from '@livetree/core/source'
import { encodeSegment, isWithin, kindAt, pathOfKey, pathText } from '@livetree/core/tools'
import { AdminError } from '../errors.ts'
import { type EditedPart, KeptPlain } from '../secrets/kept-plain.ts'
import { TreeSecrets } from '../secrets/tree-secrets.ts'
import { unreadable } from '../transfer/formats.ts'
import { documentOf, holdsNothing } from '../transfer/parse-yaml.ts'
import { isJoined } from '../transfer/named-items.ts'
import { jsonOf, type PlainTree } from '../transfer/plain-tree.ts'
import { knownPlace, mountOf, namesOf } from '../tree/known-place.ts'
import { layerFor } from '../tree/target-layer.ts'
import { layerWith, prefixOf, type TreeState } from '../tree/tree-state.ts'
import { translatedNow } from '../translate-error.ts'
import type { Workspace } from '../workspace.ts'
import type { ReadStep, Step } from './draft.ts'
import { editedTree } from './edited-tree.ts'
import { LayerView } from './layer-view.ts'

/** What of a text replaces what a layer has there, such as a scalar, a list or an empty object, with the names that lead to it. */
interface Leaf {
  readonly names: readonly string[]
  readonly path: Path
  readonly tree: PlainTree
}

/** By `keyOf` their names. */
type Leaves = ReadonlyMap<string, Leaf>

function keyOf(names: readonly string[]): string {
  return JSON.stringify(names)
}

/**
 * What differs between two texts of a layer, as steps: what the first has and the second has not is removed, and what is new
 * in the second is written as an import writes it.
 *
 * @throws AdminError `unreadable` for a text that is no YAML, or holds no tree; `invalid_path`
 */
export function editedSteps(
  workspace: Workspace,
  { prefix, before, after, top: place }: Extract<Step, { type: 'edited' }>,
  state: TreeState,
): readonly ReadStep[] {
  const layer = layerWith(workspace, prefix)
  const top = layer === undefined ? place : keyPathIn(workspace, state, layer, place)
  const given = leavesOf(workspace, prefix, before)
  const wanted = leavesOf(workspace, prefix, after)
  if (holdsNothing(after) && given.size > 0)
    throw unreadable('it holds nothing', 'Write {} to remove all that it had.')
  const isMeant = ({ path }: Leaf) => isWithin(path, top)
  const isNew = ([key, { tree }]: readonly [string, Leaf]) => {
    const old = given.get(key)
    return old === undefined || jsonOf(old.tree) !== jsonOf(tree)
  }
  const changed = [...wanted].filter(isNew).map(([, leaf]) => emptied(workspace, layer, leaf))
  const set = changed.filter(isMeant)
  assertNoneAbove(changed, top, place)
  const gone = [...given].filter(([key]) => !wanted.has(key)).map(([, leaf]) => leaf)
  const isEntered = ({ names, tree }: Leaf) =>
    tree.type === 'object' && changed.some((leaf) => names.every((name, depth) => leaf.names[depth] === name))
  const unset = gone.filter((leaf) => isMeant(leaf) && !isEntered(leaf))
  const mount = pathOf(workspace, prefix, [])
  const edited = editedParts(given, set)
  const kept = layer && edited.length > 0 ? new KeptPlain(workspace, state, layer) : undefined
  const plaintext = edited.flatMap((part) => kept?.in(part) ?? [])
  const left = leftAbove(unset, [...wanted.values()]).map((names) => pathOf(workspace, prefix, names))
  return [
    ...unset.map(({ path }) => ({ type: 'unset', prefix, path, isOfKeys: true }) as const),
    ...left.map((path) => ({ type: 'unset', prefix, path, isOfKeys: true, isLeft: true }) as const),
    ...(set.length === 0
      ? []
      : [{ type: 'tree', prefix, path: mount, tree: joined(set, 0), isEdit: true, plaintext } as const]),
  ]
}

/** What was there of each part that is new, also where a list was given by the names of its items and is a list now, or the other way round. */
function editedParts(given: Leaves, changed: readonly Leaf[]): readonly EditedPart[] {
  const inOld = leavesIn(given, changed)
  const above = [...inOld].map(([old, leaves]) => ({
    names: old.names,
    before: old.tree,
    after: joined(leaves, old.names.length),
  }))
  const others = new Set([...inOld.values()].flat())
  const isOther = (leaf: Leaf) => !others.has(leaf)
  const wanted = new Map(changed.filter(isOther).map((leaf) => [keyOf(leaf.names), leaf]))
  const below = [...leavesIn(wanted, [...given.values()])].map(([leaf, olds]) => ({
    names: leaf.names,
    before: joined(olds, leaf.names.length),
    after: leaf.tree,
  }))
  return [...above, ...below]
}

/** The leaves that stand at or below each of the tops. */
function leavesIn(tops: Leaves, leaves: readonly Leaf[]): ReadonlyMap<Leaf, readonly Leaf[]> {
  const found = new Map<Leaf, Leaf[]>()
  for (const leaf of leaves)
    for (let depth = 0; depth <= leaf.names.length; depth++) {
      const top = tops.get(keyOf(leaf.names.slice(0, depth)))
      if (top === undefined) continue
      const inside = found.get(top)
      if (inside === undefined) found.set(top, [leaf])
      else inside.push(leaf)
    }
  return found
}

/**
 * The path of the keys that a layer has for a place, which may be named by any place that it is mounted at: see `LayerEdit.keyPathOf`.
 *
 * @param layer the first of its prefix
 */
function keyPathIn(workspace: Workspace, state: TreeState, layer: LayerInfo, place: Path): Path {
  const { layers } = workspace.settings.store
  const mounts = layers.filter(({ keyPrefix }) => keyPrefix === layer.keyPrefix)
  if (mounts.some((mount) => isWithin(mountOf(mount), place))) return mountOf(layer)
  const named = layerFor(layers, prefixOf(layer), place)
  const entries = new TreeSecrets(workspace, state.keys).openAll(state.reading.entries)
  const view = new LayerView(workspace, named, editedTree(entries))
  const path = view.keyPathOf(place, 'set')
  if (named === layer) return path
  return pathOf(workspace, prefixOf(layer), namesOf(view.keyOf(path).slice(layer.keyPrefix.length)))
}

/** @throws AdminError `invalid_path` where a place is in a list that the text has as one, and that was edited */
function assertNoneAbove(changed: readonly Leaf[], top: Path, place: Path): void {
  const above = changed.find(({ path }) => path.length < top.length && isWithin(top, path))
  if (above !== undefined)
    throw new AdminError('invalid_path', {
      what: `"${pathText(place)}" is in what the layer has as a whole at "${pathText(above.path)}", and that was edited`,
      remedy: 'Edit it there.',
    })
}

/** The objects above what is gone that are gone too, the deepest first: a document may have an empty one left there. */
function leftAbove(gone: readonly Leaf[], wanted: readonly Leaf[]): readonly (readonly string[])[] {
  const above = ({ names }: Leaf) => names.map((_, depth) => names.slice(0, depth))
  const kept = new Set(wanted.flatMap((leaf) => [leaf.names, ...above(leaf)]).map(keyOf))
  const left = new Map(gone.flatMap(above).map((names) => [keyOf(names), names]))
  return [...left]
    .filter(([key, names]) => names.length > 0 && !kept.has(key))
    .map(([, names]) => names)
    .sort((a, b) => b.length - a.length)
}

/** A list of which the text had the items by names, and has none any more, is an empty one. */
function emptied(workspace: Workspace, layer: LayerInfo | undefined, leaf: Leaf): Leaf {
  const { isUntyped, definition } = workspace.settings
  const { tree } = leaf
  const isList = !isUntyped && kindAt(definition, schemaPath(workspace, layer, leaf.path)) === 'list'
  const isEmpty = tree.type === 'object' && tree.parts.length === 0
  return isList && isEmpty ? { ...leaf, tree: { type: 'list', items: [] } } : leaf
}

function leavesOf(workspace: Workspace, prefix: string, text: string): Leaves {
  const leaves = new Map<string, Leaf>()
  const layer = layerWith(workspace, prefix)
  const visit = (tree: PlainTree, names: readonly string[]) => {
    const path = pathOf(workspace, prefix, names)
    if (isJoined(workspace, schemaPath(workspace, layer, path), tree) && tree.parts.length > 0)
      for (const [name, part] of tree.parts) visit(part, [...names, name])
    else leaves.set(keyOf(names), { names, path, tree })
  }
  const tree = documentOf(text, undefined)
  if (tree.type === 'object' && tree.parts.length === 0) return leaves
  if (tree.type !== 'object' && pathOf(workspace, prefix, []).length === 0)
    throw unreadable('it holds no object of names at its top')
  visit(tree, [])
  return leaves
}

/** Where the schema says what stands at a path of a layer. */
function schemaPath(workspace: Workspace, layer: LayerInfo | undefined, path: Path): Path {
  return layer === undefined ? path : knownPlace(workspace, { path, layer }).path
}

/** The path of names in a file of the layer, at its first place; names inside a document stand for themselves. */
function pathOf(workspace: Workspace, prefix: string, names: readonly string[]): Path {
  const { definition } = workspace.settings
  const layer = layerWith(workspace, prefix)
  if (layer === undefined) return names
  const key = layer.keyPrefix + names.map(encodeSegment).join('/')
  const path = translatedNow(() => pathOfKey(definition, key, layer))
  const last = names.at(-1)
  if (path !== undefined) return path
  return last === undefined ? [] : [...pathOf(workspace, prefix, names.slice(0, -1)), last]
}

/** Leaves as one tree; each of them stands below the same names up to a depth. */
function joined(leaves: readonly Leaf[], depth: number): PlainTree {
  const groups = Map.groupBy(leaves, ({ names }) => names[depth])
  const whole = groups.get(undefined)?.[0]
  if (whole !== undefined) return whole.tree
  const parts = [...groups].map(([name = '', group]) => [name, joined(group, depth + 1)] as const)
  return { type: 'object', parts }
}
