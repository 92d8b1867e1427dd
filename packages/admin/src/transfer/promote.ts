import type { Path } from '@livetree/core'
import { checkOptions, type OptionTable } from '@livetree/core/source'
import {
  isAlong,
  isWithin,
  keyOfPath,
  kindAt,
  mayBeItem,
  parsePathText,
  pathText,
} from '@livetree/core/tools'
import type { Step } from '../change/draft.ts'
import { type Plan, planDraft } from '../change/plan.ts'
import { beginsBelow } from '../change/unknown-names.ts'
import { comparePaths } from '../compare-paths.ts'
import { AdminError } from '../errors.ts'
import { pathOf, type PathLike } from '../selector.ts'
import { knownPlace, knownPlaceOf, namesOf } from '../tree/known-place.ts'
import { choosePrefix, type LayerChoice } from '../tree/target-layer.ts'
import { layerWith, prefixOf } from '../tree/tree-state.ts'
import { translatedNow } from '../translate-error.ts'
import type { CallOptions, Workspace } from '../workspace.ts'
import { assertClear } from '../secrets/plain-places.ts'
import { type DiffSide, prefixOfSide, readSide } from './diff.ts'
import { STORED } from './stored-names.ts'
import { hasItems, itemsInOrder } from './named-items.ts'
import { CALL_TABLE, LAYER_TABLE } from '../option-tables.ts'
import type { PlainTree, SideTree } from './plain-tree.ts'

/** Options of `Admin.promote`. `overlay` or `layer` is the layer that is written. */
export interface PromoteOptions<T = unknown> extends CallOptions, LayerChoice {
  /** Where the values are taken from, as `Admin.diff` compares it. */
  readonly from: DiffSide
  /** The places that the layer gets, each with all that is below it. What `from` does not have there is removed. */
  readonly only: readonly PathLike<T>[]
}

const OPTION_TABLE: OptionTable = {
  ...CALL_TABLE,
  ...LAYER_TABLE,
  from: {
    expected: "'now', or a side of a comparison such as { overlay }",
    test: (from) => from === 'now' || (typeof from === 'object' && from !== null),
  },
  only: {
    expected: 'a list of paths, at least one',
    test: (only) => Array.isArray(only) && only.length > 0,
  },
}

/** Plans that a layer gets what another side of a comparison has; see `Admin.promote`. */
export async function planPromotion<T>(workspace: Workspace, options: PromoteOptions<T>): Promise<Plan> {
  translatedNow(() => checkOptions('promote()', options, OPTION_TABLE))
  const { from, only } = options
  if (from === undefined || only === undefined)
    throw new AdminError('invalid_options', {
      what: 'promote() needs to know what is promoted, { from, only }',
      remedy: '',
    })
  const prefix = choosePrefix(workspace.settings.store.layers, options)
  const paths = only.map(pathOf)
  const side = await readSide(workspace, from, { layer: prefix }, options)
  const isText = from !== 'now' && 'text' in from && from.text !== undefined
  const sidePrefix = isText ? prefix : prefixOfSide(workspace, from)
  const mounts = mountsOf(workspace, sidePrefix)
  for (const path of paths) {
    assertAtFirst(mounts, path)
    assertKnown(workspace, sidePrefix, path)
  }
  const places = paths.map((path) => ({ path, ...partAt(workspace, side, path) }))
  assertClear(
    side.unclear,
    places.map(({ at }) => at),
  )
  assertInPlace(workspace, places)
  assertBelow(workspace, side, prefix, places)
  const taken = places.flatMap(({ path, tree, at, isItem }): Step[] =>
    tree === undefined
      ? []
      : [{ type: 'part', prefix, path, tree, isItem, plaintext: plainBelow(side.plaintext, at) }],
  )
  // The last first: a removed item moves those after it.
  const removed = places
    .filter(({ tree }) => tree === undefined)
    .sort((a, b) => comparePaths(b.path, a.path))
    .map(({ path }): Step => ({ type: 'unset', prefix, path }))
  return planDraft(workspace, { kind: 'change', steps: [...taken, ...removed], isInSchema: true }, options)
}

/** The places of the layer that a side is of; none for a whole configuration, which has every place. */
function mountsOf({ settings }: Workspace, prefix: string | undefined): readonly Path[] {
  const own = settings.store.layers.filter((layer) => prefixOf(layer) === prefix)
  return own.flatMap(({ at }) => (at === undefined ? [] : [parsePathText(at)]))
}

/**
 * A side has the names of the first place of its layer, and only there the schema is asked what they are.
 *
 * @throws AdminError `invalid_path` for a place that the layer has no part of, for one above several of its mounts, and for one below
 *   another mount than the first
 */
function assertAtFirst(mounts: readonly Path[], path: Path): void {
  const [first] = mounts
  if (first === undefined || isWithin(path, first) || (mounts.length === 1 && isWithin(first, path))) return
  const mount = mounts.find((each) => isWithin(path, each))
  const stands = `What is promoted stands at ${mounts.map((each) => `"${pathText(each)}"`).join(' and ')}`
  if (mount === undefined)
    throw new AdminError('invalid_path', {
      what: `${stands}, and "${pathText(path)}" is not below that`,
      remedy: 'Choose a place below that.',
    })
  throw new AdminError('invalid_path', {
    what: `${stands}, and is promoted by the first of these places, not by "${pathText(path)}"`,
    remedy: `Name "${pathText([...first, ...path.slice(mount.length)])}", if the schema has that; else write the keys of the layer.`,
  })
}

/**
 * Where another place of the layer alone knows a path, an index in it would be taken as a name.
 *
 * @throws AdminError `invalid_path`
 */
function assertKnown(workspace: Workspace, prefix: string | undefined, path: Path): void {
  const layer = layerWith(workspace, prefix)
  const known = layer === undefined ? undefined : knownPlace(workspace, { path, layer })
  if (known === undefined || known.layer === layer) return
  throw new AdminError('invalid_path', {
    what: `The schema does not have "${pathText(path)}", and has it as "${pathText(known.path)}", another place of ${prefix}: what is promoted goes by the first`,
    remedy: 'Write the keys of the layer.',
  })
}

/**
 * What is removed from a list moves the items after it, and with them what stands at the other places.
 *
 * @throws AdminError `invalid_path`
 */
function assertInPlace(
  { settings }: Workspace,
  places: readonly { readonly path: Path; readonly tree: PlainTree | undefined }[],
): void {
  const listOf = ({ path }: { readonly path: Path }) =>
    path.findIndex((name, depth) => mayBeItem(settings.definition, path.slice(0, depth), name))
  for (const removed of places.filter(({ tree }) => tree === undefined)) {
    const depth = settings.isUntyped ? -1 : listOf(removed)
    const list = removed.path.slice(0, depth)
    const other = places.find(({ path, tree }) => tree !== undefined && isWithin(path, list))
    if (depth >= 0 && other !== undefined)
      throw new AdminError('invalid_path', {
        what: `"${pathText(removed.path)}" is not in what is promoted, so that it would be removed from its list, and "${pathText(other.path)}" would then be another item`,
        remedy: `Promote "${pathText(list)}" as a whole, or one item at a time.`,
      })
  }
}

/**
 * A text that has a place from the top of the configuration on, and not from the layer's on, is no text of the layer: what it has would be
 * removed there. Where the schema has such names below the layer too, it may be one.
 *
 * @throws AdminError `invalid_path`
 */
function assertBelow(
  workspace: Workspace,
  { tree, place }: SideTree,
  prefix: string,
  places: readonly { readonly path: Path; readonly tree: PlainTree | undefined }[],
): void {
  const layer = layerWith(workspace, prefix)
  if (place.length === 0 || layer?.at === undefined) return
  const { definition } = workspace.settings
  const [first = ''] = place
  if (kindAt(definition, knownPlaceOf(workspace, layer, [first]).path) !== undefined) return
  const whole = { tree, place: [] }
  const found = places.find(
    ({ path, tree: part }) => part === undefined && partAt(workspace, whole, path).tree !== undefined,
  )
  if (found === undefined) return
  throw new AdminError('invalid_path', {
    what: `The text has "${pathText(found.path)}" as a text of the whole configuration has it, and is to be one of ${prefix}`,
    remedy: beginsBelow(layer, layer.at),
  })
}

/** What is in plain text of that which stands at and below a path, from there on. */
function plainBelow(plaintext: readonly Path[], path: Path): readonly Path[] {
  return plaintext.filter((each) => isAlong(each, path)).map((each) => each.slice(path.length))
}

/** The names of a path as files and stores have them. @throws AdminError `invalid_path` */
function namesAt({ settings }: Workspace, path: Path): readonly string[] {
  if (path.length > 0) return translatedNow(() => namesOf(keyOfPath(settings.definition, path, STORED)))
  throw new AdminError('invalid_path', {
    what: 'promote() takes places of the configuration, and got the whole of it',
    remedy: 'Name what is in it.',
  })
}

/**
 * What a side has at a path, and that path with the names that the side has for the items of lists: see `keyPathOf`. `isItem`: it
 * is, or is in, an item of a list that the side has as one.
 *
 * @throws AdminError `invalid_path` for a place above the one where the side stands
 */
function partAt(
  workspace: Workspace,
  { tree, place }: SideTree,
  path: Path,
): { readonly tree: PlainTree | undefined; readonly at: Path; readonly isItem: boolean } {
  const names = namesAt(workspace, path)
  if (place.some((name, index) => names[index] !== name))
    throw new AdminError('invalid_path', {
      what: `"${pathText(names)}" is not below "${pathText(place)}", where what is promoted stands`,
      remedy: 'Choose a place below that.',
    })
  let part: PlainTree | undefined = tree
  let isItem = false
  const at: (string | number)[] = path.slice(0, place.length)
  for (const [index, name] of names.entries()) {
    if (index < place.length) continue
    const item: Item | undefined = part && itemAt(workspace, at, part, name)
    isItem ||= part?.type === 'list'
    part = item === undefined ? part && partOf(part, name) : item[1]
    at.push(item === undefined ? (path[index] ?? name) : item[0])
  }
  return { tree: part, at, isItem }
}

/** The item of a list that a side has by the names of its keys. */
function itemAt({ settings }: Workspace, path: Path, tree: PlainTree, index: string): Item | undefined {
  const isNamed =
    !settings.isUntyped &&
    tree.type === 'object' &&
    kindAt(settings.definition, path) === 'list' &&
    hasItems(tree)
  return isNamed && /^(?:0|[1-9]\d*)$/.test(index)
    ? (itemsInOrder(tree)[Number(index)] ?? NO_ITEM)
    : undefined
}

type Item = readonly [name: string, part: PlainTree | undefined]

const NO_ITEM: Item = ['', undefined]

function partOf(tree: PlainTree, name: string): PlainTree | undefined {
  if (tree.type === 'object') return tree.parts.find(([each]) => each === name)?.[1]
  return tree.type === 'list' ? tree.items[Number(name)] : undefined
}
