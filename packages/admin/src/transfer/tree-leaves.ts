import { isDeepStrictEqual } from 'node:util'
import { LivetreeError, type Path } from '@livetree/core'
import {
  coverOf,
  isReadAlike,
  isTextOpenAt,
  kindAt,
  readingOf,
  readText,
  valueOfText,
  writeValue,
  type WrittenForm,
  writtenScalarAt,
} from '@livetree/core/tools'
import { translateError } from '../translate-error.ts'
import type { Workspace } from '../workspace.ts'
import { parseJson } from './parse-json.ts'
import { isJsonNumber, jsonOf, type PlainTree, plainValue } from './plain-tree.ts'
import { untypedText, untypedTree } from './untyped-text.ts'
import { isInList, wordRefused } from './words-in-lists.ts'

/** A text and where it stands. */
export interface LeafText {
  readonly path: Path
  readonly text: string
}

/**
 * What an import writes of a part of a file: a value of the schema where the file has one; else its text, which the schema
 * reads: a date, digits of a bigint.
 *
 * @param options.isItem it stands in a list of the file, in which a word that hides lower layers is text
 * @throws AdminError `invalid_value`, `unwritable_value`
 */
export function treeLeaves(
  workspace: Workspace,
  path: Path,
  tree: PlainTree,
  { form, isItem = false }: LeafOptions,
): readonly LeafText[] {
  const { definition, isUntyped } = workspace.settings
  if (isUntyped) return [{ path, text: untypedText(tree) }]
  const text = tree.type === 'scalar' ? tree.text : jsonOf(tree)
  const kind = kindAt(definition, path)
  const isWord = coverOf(text) !== undefined
  if (isWord && (isItem || isInList(workspace, path))) throw wordRefused(path, text)
  if (kind === undefined || kind === 'raw' || isWord) return [{ path, text }]
  if (kind === 'json') return [{ path, text: untypedText(tree) }]
  try {
    const leaves = writeValue(definition, path, plainValue(tree), { form })
    return leaves.map((leaf) => (isWrittenAs(tree, leaf.text) ? { path: leaf.path, text } : leaf))
  } catch (error) {
    const code = error instanceof LivetreeError ? error.code : undefined
    const isNull = tree.type === 'scalar' && tree.value === null
    const isLeft =
      code === 'invalid_value' && (tree.type === 'scalar' || isContainerIn(workspace, path, text))
    // A schema that coerces takes what it does not give back, such as the text of a date.
    const isRead = code === 'unwritable_value' && isReadAlike(definition, path, { text, json: jsonOf(tree) })
    if (isNull || !(isLeft || isRead)) throw translateError(error)
    return [{ path, text }]
  }
}

/** Whether the JSON of a list or an object stands for that, and not for a text of which it would be a part. */
function isContainerIn(workspace: Workspace, path: Path, json: string): boolean {
  return leafTree(workspace, path, json).type !== 'scalar'
}

/** Whether the schema has a text or another scalar at a path, which an object of a file is no value of. */
export function isOtherThanText({ settings }: Workspace, path: Path, tree: PlainTree): boolean {
  const { definition, isUntyped } = settings
  if (isUntyped || tree.type !== 'object' || kindAt(definition, path) !== 'scalar') return false
  try {
    writeValue(definition, path, plainValue(tree))
    return false
  } catch {
    return !isReadAlike(definition, path, { text: jsonOf(tree), json: jsonOf(tree) })
  }
}

/** How a part of a file is written. */
interface LeafOptions {
  readonly form: (path: Path) => WrittenForm | undefined
  readonly isItem?: boolean | undefined
}

/** Whether a text says what the file says, which may have numbers with more digits: `1.10`, `[1.10]`. */
function isWrittenAs(tree: PlainTree, text: string): boolean {
  const json = parseJson(text)
  if (json === undefined || json.type !== tree.type) return false
  if (tree.type !== 'scalar') return isDeepStrictEqual(plainValue(json), plainValue(tree))
  const isNumber = typeof tree.value === 'number' && isJsonNumber(tree.text) && isJsonNumber(text)
  return isNumber && Number(text) === tree.value
}

/** The part of a file that an import writes this text of. */
export function leafTree(workspace: Workspace, path: Path, text: string): PlainTree {
  const { definition, isUntyped } = workspace.settings
  const string: PlainTree = { type: 'scalar', value: text, text }
  const kind = isUntyped ? 'json' : kindAt(definition, path)
  if (kind === 'json') return untypedTree(text)
  // The text of a key is no document where the schema does not say what is in it, or has nothing.
  if (kind === 'raw' || kind === undefined) return string
  const json = parseJson(text)
  if (kind !== 'scalar' && json !== undefined && json.type !== 'scalar') {
    const isRead = readingOf(definition, path, text, false) === 'document'
    return isRead || typeof valueOfText(definition, path, text) !== 'string' ? json : string
  }
  const [written] = scalarsOf(writtenScalarAt(definition, path, text), text)
  if (written !== undefined) return written
  const value = valueOfText(definition, path, text)
  let same: PlainTree | undefined
  for (const candidate of [...scalarsOf(value, text), string]) {
    const written = scalarTextOf(workspace, path, candidate)
    if (written === text) return candidate
    if (same === undefined && written !== undefined && isSameText(workspace, path, written, text))
      same = candidate
  }
  return same ?? string
}

/** A value that JSON has a scalar for. */
function scalarsOf(value: unknown, text: string): readonly PlainTree[] {
  // NaN is no number that a file may hold: its text is read as it is.
  if (typeof value === 'number' && (Number.isFinite(value) || isJsonNumber(text)))
    return [{ type: 'scalar', value, text: isJsonNumber(text) ? text : String(value) }]
  if (typeof value === 'boolean' || value === null) return [{ type: 'scalar', value, text: String(value) }]
  return typeof value === 'string' ? [{ type: 'scalar', value, text: value }] : []
}

function scalarTextOf(workspace: Workspace, path: Path, tree: PlainTree): string | undefined {
  try {
    const [leaf, ...others] = treeLeaves(workspace, path, tree, { form: () => undefined })
    return others.length === 0 ? leaf?.text : undefined
  } catch {
    return undefined
  }
}

/** Whether two JSON texts say the same, digit for digit. */
export function isSameJson(one: string, other: string): boolean {
  return one === other || jsonOf(untypedTree(one)) === jsonOf(untypedTree(other))
}

/** Whether two texts say the same at a place: the same JSON, or the same value of the schema. */
export function isSameText({ settings }: Workspace, path: Path, one: string, other: string): boolean {
  if (one === other) return true
  const { definition, isUntyped } = settings
  const kind = isUntyped ? 'json' : kindAt(definition, path)
  if (kind === 'json') return isSameJson(one, other)
  const [first, second] = [parseJson(one), parseJson(other)]
  if (first !== undefined && second !== undefined) {
    const isExact = kind === 'raw' || kind === undefined
    if (isExact || first.type !== 'scalar') {
      const numberOf = isExact ? (digits: string) => digits : decimalOf
      return jsonOf(first, numberOf) === jsonOf(second, numberOf)
    }
  }
  if (kind !== 'scalar' || !isTextOpenAt(definition, path)) return false
  const [before, after] = [readText(definition, path, one), readText(definition, path, other)]
  return before !== undefined && isDeepStrictEqual(before, after)
}

/** One writing for each number, whatever its digits: `1.10` and `11e-1` are one. */
function decimalOf(text: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? []
  const all = whole + fraction
  let first = 0
  let end = all.length
  while (all[first] === '0') first++
  while (end > first && all[end - 1] === '0') end--
  const power = BigInt(exponent) - BigInt(fraction.length) + BigInt(all.length - end)
  return first === end ? `${sign}0` : `${sign}${all.slice(first, end)}e${power}`
}
