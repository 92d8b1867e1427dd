import type { Path } from '@livetree/core'
import { checkOptions, optionKinds, type OptionTable } from '@livetree/core/source'
import { pathText, SECRET_TEXT } from '@livetree/core/tools'
import { AdminError } from '../errors.ts'
import { Judge, type Judgement, type ValueChange } from '../tree/judge.ts'
import { choosePrefix, type LayerChoice } from '../tree/target-layer.ts'
import { layerWith, readState, type TreeState } from '../tree/tree-state.ts'
import { translatedNow } from '../translate-error.ts'
import type { CallOptions, Workspace } from '../workspace.ts'
import { TreeSecrets } from '../secrets/tree-secrets.ts'
import { openedTree } from './opened-tree.ts'
import { layerMarks, type PlainPlaces, plainPlaces, wholeMarks } from '../secrets/plain-places.ts'
import { opener, wholeTexts, writtenTexts } from './whole-texts.ts'
import { layerTexts, mountNames } from './layer-texts.ts'
import { objectsRead } from './objects-read.ts'
import { SidePlaces } from './side-places.ts'
import { nestedTree, type PlacedText } from './nested-tree.ts'
import { documentKind, documentOf } from './parse-yaml.ts'
import { hasItems, itemsInOrder } from './named-items.ts'
import { jsonOf, type PlainObject, type PlainTree, type SideTree } from './plain-tree.ts'
import { CALL_TABLE, LAYER_TABLE, revisionKind } from '../option-tables.ts'
import { isSameText } from './tree-leaves.ts'

/**
 * One side of a comparison: the whole tree `'now'` or at a revision; what one layer holds; or a YAML or JSON text of the same
 * form as a file of the configuration, or, beside a layer that is mounted below the top, as a file of that layer. `document`
 * says which of several YAML documents the text is, from 1 on; default: the only one. `plaintext`: what of a text that `export` made
 * is in plain text in the store that it is of, where its schema asks for an envelope, by the names of the text: see `Exported`. `promote`
 * leaves it so.
 */
export type DiffSide =
  | 'now'
  | ({
      readonly revision?: number | undefined
      readonly text?: undefined
      readonly document?: undefined
    } & LayerChoice)
  | {
      readonly text: string
      readonly document?: number | undefined
      readonly plaintext?: readonly Path[] | undefined
    }

/** One place that differs. Values that may be secret read `[secret]`. */
export type Difference = ValueChange

const OPTION_TABLE: OptionTable = {
  ...LAYER_TABLE,
  revision: revisionKind,
  text: { ...optionKinds.text, test: (text) => typeof text === 'string' },
  document: documentKind,
  plaintext: {
    expected: 'a list of paths, as `export` returns it',
    test: (paths) => Array.isArray(paths) && paths.every(Array.isArray),
  },
}

/** How two sides differ; see `Admin.diff`. */
export async function diffSides(
  workspace: Workspace,
  one: DiffSide,
  other: DiffSide,
  options: CallOptions,
): Promise<readonly Difference[]> {
  translatedNow(() => {
    checkOptions('diff()', options, CALL_TABLE)
    for (const side of [one, other]) if (side !== 'now') checkOptions('diff() side', side, OPTION_TABLE)
  })
  const [before, after] = await statesOf(workspace, one, other, options)
  if (before !== undefined && after !== undefined && isWhole(one) && isWhole(other))
    return diffTrees(workspace, before, after)
  const keys = before?.keys ?? after?.keys ?? (await workspace.keys(workspace.limit(options)))
  const secrets = new TreeSecrets(workspace, keys)
  const scalarsOf = (side: DiffSide, state: TreeState | undefined, beside: DiffSide) => {
    const found = treeOfSide(workspace, side, state, placeOfText(workspace, beside))
    const prefix = prefixOfSide(workspace, state === undefined ? beside : side)
    const tree =
      state === undefined
        ? openedTree(workspace, secrets, found, prefixOfSide(workspace, beside))
        : found.tree
    return textsOf(workspace, { ...found, tree }, prefix)
  }
  return diffTexts(workspace, scalarsOf(one, before, other), scalarsOf(other, after, one))
}

function isWhole(side: DiffSide): boolean {
  return side === 'now' || (!('text' in side && side.text !== undefined) && choiceOf(side) === undefined)
}

function choiceOf(side: Exclude<DiffSide, 'now'>): LayerChoice | undefined {
  const { overlay, layer } = side as LayerChoice
  return overlay === undefined && layer === undefined ? undefined : { overlay, layer }
}

/** The revision of the store that a side is of: 0 for the newest, undefined for a text. */
function revisionOf(side: DiffSide): number | undefined {
  if (side === 'now') return 0
  if ('text' in side && side.text !== undefined) return undefined
  return 'revision' in side ? (side.revision ?? 0) : 0
}

/** Two sides of one revision are of one reading: two readings of the newest could be of different ones. */
async function statesOf(
  workspace: Workspace,
  one: DiffSide,
  other: DiffSide,
  options: CallOptions,
): Promise<readonly [TreeState | undefined, TreeState | undefined]> {
  const [first, second] = [revisionOf(one), revisionOf(other)]
  const limit = workspace.limit(options)
  const read = async (revision: number | undefined) =>
    revision === undefined ? undefined : readState(workspace, limit, revision === 0 ? undefined : revision)
  if (first === second) {
    const state = await read(first)
    return [state, state]
  }
  return Promise.all([read(first), read(second)])
}

/** Compares values: the same number written in another way is no difference. */
function diffTrees(workspace: Workspace, before: TreeState, after: TreeState): readonly Difference[] {
  const judge = new Judge(workspace, after, { isGuarded: false })
  const previous = valid(workspace, judge.judge(before.reading.entries), before)
  const next = valid(workspace, judge.judge(after.reading.entries), after)
  return judge.diff(previous, next)
}

function valid(
  { settings }: Workspace,
  { isValid, value, issues }: Judgement,
  { reading }: TreeState,
): unknown {
  if (isValid) return value
  const list = issues.map(({ pathText: path }) => path).slice(0, 5)
  throw new AdminError('invalid_tree', {
    what: `The schema of "${settings.definition.name}" refuses the tree at revision ${reading.revision} (${list.join(', ')}), so that it cannot be compared as a whole`,
    remedy: 'Compare layer by layer, or choose another revision.',
    issues,
  })
}

/** A text beside a layer is one of that layer: it stands where the layer is mounted. */
function placeOfText(workspace: Workspace, beside: DiffSide): readonly string[] {
  const prefix = prefixOfSide(workspace, beside)
  return prefix === undefined ? [] : mountNames(workspace, prefix)
}

/** The prefix of the layer that a side is of; undefined for any other side. */
export function prefixOfSide({ settings }: Workspace, side: DiffSide): string | undefined {
  const choice = side === 'now' ? undefined : choiceOf(side)
  return choice === undefined ? undefined : choosePrefix(settings.store.layers, choice)
}

/** A side that is taken over, with the places that its store has in plain text where an envelope is asked for. */
export interface TakenSide extends SideTree, PlainPlaces {}

/** @param place where a text stands: see `placeOfText` */
function treeOfSide(
  workspace: Workspace,
  side: DiffSide,
  state: TreeState | undefined,
  place: readonly string[],
): SideTree {
  if (side !== 'now' && 'text' in side && side.text !== undefined)
    return { tree: documentOf(side.text, side.document), place }
  const tree: PlainTree =
    state === undefined
      ? { type: 'object', parts: [] }
      : nestedTree(workspace, placedTexts(workspace, side, state), {
          isObjectRead: objectsRead(workspace, state),
        })
  return { tree, place: [] }
}

/** What a side holds beside a layer. @throws AdminError as `diffSides` */
export async function readSide(
  workspace: Workspace,
  side: DiffSide,
  beside: DiffSide,
  options: CallOptions,
): Promise<TakenSide> {
  translatedNow(() => side !== 'now' && checkOptions('a side', side, OPTION_TABLE))
  const revision = revisionOf(side)
  const state =
    revision === undefined
      ? undefined
      : await readState(workspace, workspace.limit(options), revision === 0 ? undefined : revision)
  const taken = treeOfSide(workspace, side, state, placeOfText(workspace, beside))
  const layer = layerWith(workspace, prefixOfSide(workspace, beside))
  const marks = marksOfSide(workspace, side, state)
  return { ...taken, ...(layer === undefined ? NO_PLACES : plainPlaces(workspace, taken, marks, layer)) }
}

const NO_PLACES: PlainPlaces = { plaintext: [], unclear: [] }

function marksOfSide(workspace: Workspace, side: DiffSide, state: TreeState | undefined): readonly Path[] {
  if (side !== 'now' && 'text' in side && side.text !== undefined) return side.plaintext ?? []
  if (state === undefined || !workspace.settings.definition.compiled.hasEncrypted) return []
  const texts = placedTexts(workspace, side, state)
  const isOfLayer = side !== 'now' && choiceOf(side) !== undefined
  return isOfLayer ? layerMarks(workspace, state, { texts, above: 0 }) : wholeMarks(workspace, state, texts)
}

/** The scalars of a side, by their names. @param prefix the layer that it is of; undefined: a whole configuration */
function textsOf(
  workspace: Workspace,
  { tree, place }: SideTree,
  prefix: string | undefined,
): ReadonlyMap<string, Scalar> {
  const scalars = new Map<string, Scalar>()
  const isEmpty = tree.type === 'object' && tree.parts.length === 0
  if (!isEmpty) addScalars(new SidePlaces(workspace, prefix), tree, place, scalars)
  return scalars
}

function placedTexts(workspace: Workspace, side: DiffSide, state: TreeState): readonly PlacedText[] {
  const choice = side === 'now' ? undefined : choiceOf(side as Exclude<DiffSide, 'now'>)
  if (choice !== undefined) return layerTexts(workspace, state, choice, opener(workspace, state))
  if (workspace.settings.isUntyped) return wholeTexts(workspace, state)
  const judge = new Judge(workspace, state, { isGuarded: false })
  const value = valid(workspace, judge.judge(state.reading.entries), state)
  return writtenTexts(workspace, value)
}

interface Scalar {
  readonly path: Path
  /** It may be shown to anyone. */
  readonly isOpen: boolean
  readonly value: unknown
  /** As text: `20` and `"20"` are the same here, since keys hold text. */
  readonly text: string
}

function addScalars(
  places: SidePlaces,
  tree: PlainTree,
  names: readonly string[],
  scalars: Map<string, Scalar>,
): void {
  const parts =
    tree.type === 'object'
      ? partsOf(places, names, tree)
      : tree.type === 'list'
        ? tree.items.map((item, index) => [String(index), item] as const)
        : []
  if (parts.length > 0) for (const [name, part] of parts) addScalars(places, part, [...names, name], scalars)
  else if (names.length > 0) {
    const value = tree.type === 'scalar' ? tree.value : jsonOf(tree)
    const text = tree.type === 'scalar' ? tree.text : jsonOf(tree)
    scalars.set(JSON.stringify(names), {
      path: places.pathOf(names),
      isOpen: places.isOpen(names),
      value,
      text,
    })
  }
}

/** Items that a side has by the names of their keys are compared by their places, as those of a list are. */
function partsOf(places: SidePlaces, names: readonly string[], tree: PlainObject): PlainObject['parts'] {
  if (!hasItems(tree) || !places.isList(names)) return tree.parts
  return itemsInOrder(tree).map(([, item], index) => [String(index), item])
}

function diffTexts(
  workspace: Workspace,
  previous: ReadonlyMap<string, Scalar>,
  next: ReadonlyMap<string, Scalar>,
): readonly Difference[] {
  const places = [...new Set([...previous.keys(), ...next.keys()])]
  return places.flatMap((place): Difference[] => {
    const [before, after] = [previous.get(place), next.get(place)]
    if (before?.text === after?.text) return []
    const path = (before ?? after)?.path ?? []
    // An import would leave it as it is: `+1` for `1`.
    if (before && after && isSameText(workspace, path, before.text, after.text)) return []
    const isOpen = before?.isOpen !== false && after?.isOpen !== false
    // Numbers of one value differ by their digits, where there is no schema: 17 and 17.0.
    const isByText = before !== undefined && before.value === after?.value
    const shown = (scalar: Scalar | undefined) => {
      if (scalar !== undefined && !isOpen) return SECRET_TEXT
      return isByText ? scalar?.text : scalar?.value
    }
    const type = before === undefined ? 'added' : after === undefined ? 'removed' : 'changed'
    return [{ type, path, pathText: pathText(path), previous: shown(before), next: shown(after) }]
  })
}
