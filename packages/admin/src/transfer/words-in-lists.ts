import type { Path } from '@livetree/core'
import {
  coverOf,
  isListAt,
  kindAt,
  mayBeListAt,
  pathInDocument,
  pathText,
  readingOf,
} from '@livetree/core/tools'
import { AdminError } from '../errors.ts'
import type { Workspace } from '../workspace.ts'
import { STORED } from './stored-names.ts'
import { parseJson } from './parse-json.ts'
import type { PlainObject, PlainTree } from './plain-tree.ts'

/**
 * Whether a place is in a list, in which a word that hides lower layers is text, but for that of a key, and of the objects in its
 * document. Where the schema may have an object above it as well, the word hides what lower layers have by its name.
 */
export function isInList({ settings }: Workspace, path: Path): boolean {
  return path.some((_, depth) => isListAt(settings.definition, path.slice(0, depth)))
}

/** What a word that hides lower layers leaves at a place in a list; undefined for nothing. */
export function coveredAt(
  definition: Workspace['settings']['definition'],
  path: Path,
  cover: ReturnType<typeof coverOf>,
): PlainTree | undefined {
  const kind = kindAt(definition, path)
  if (cover !== 'empty' || kind === undefined || kind === 'scalar') return undefined
  // An empty list, where the schema takes one, comes before an empty object.
  return mayBeListAt(definition, path) ? { type: 'list', items: [] } : { type: 'object', parts: [] }
}

/** What the words in a document of a key in a list leave of it; undefined where there are none, or it is none. */
export function uncoveredDocument(workspace: Workspace, path: Path, text: string): PlainObject | undefined {
  const { definition } = workspace.settings
  const tree = readingOf(definition, path, text, false) === 'document' ? parseJson(text) : undefined
  if (tree?.type !== 'object' || wordIn(tree) === undefined) return undefined
  return kindAt(definition, path) === 'json' ? undefined : uncovered(workspace, path, tree)
}

/** Whether a text in a list is one that no text of the layer has: a word that leaves nothing, or a document of such words. */
export function isUnshown(workspace: Workspace, path: Path, text: string): boolean {
  if (workspace.settings.isUntyped || !isInList(workspace, path)) return false
  return coverOf(text) === 'remove' || uncoveredDocument(workspace, path, text)?.parts.length === 0
}

function uncovered(workspace: Workspace, path: Path, tree: PlainObject): PlainObject {
  const { definition } = workspace.settings
  const parts = tree.parts.flatMap(([name, part]): PlainObject['parts'] => {
    const left = partLeft(workspace, pathInDocument(definition, { path, layer: STORED }, [name]), part)
    return left === undefined ? [] : [[name, left]]
  })
  return { type: 'object', parts }
}

/** An object inside a document of which every name is removed is none. */
function partLeft(workspace: Workspace, path: Path, part: PlainTree): PlainTree | undefined {
  const { definition } = workspace.settings
  const cover = part.type === 'scalar' ? coverOf(part.value) : undefined
  if (cover !== undefined) return coveredAt(definition, path, cover)
  if (part.type !== 'object' || wordIn(part) === undefined || kindAt(definition, path) === 'json') return part
  const left = uncovered(workspace, path, part)
  return left.parts.length === 0 ? undefined : left
}

/** The first word that hides lower layers in a part of a file which is in no list itself. Those of lists inside are texts. */
export function wordIn(tree: PlainTree): string | undefined {
  if (tree.type === 'scalar') return coverOf(tree.value) === undefined ? undefined : tree.text
  if (tree.type === 'list') return undefined
  for (const [, part] of tree.parts) {
    const word = wordIn(part)
    if (word !== undefined) return word
  }
  return undefined
}

/** Whether an object only removes what lower layers have, as keys do: as a document it would be an object. */
export function onlyRemoves(tree: PlainTree): boolean {
  if (tree.type === 'scalar') return coverOf(tree.value) === 'remove'
  return tree.type === 'object' && tree.parts.length > 0 && tree.parts.every(([, part]) => onlyRemoves(part))
}

/** The refusal of a word that is text where it is from and none where it would be written, or the other way round. */
export function wordRefused(path: Path, word: string): AdminError {
  return new AdminError('unwritable_value', {
    what: `Cannot write "${pathText(path)}": in a list, ${word.trim()} is a text, and no key can hold it as one`,
    remedy: 'Write the list as a whole, where it is a JSON document.',
  })
}
