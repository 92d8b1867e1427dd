import type { Path } from '@livetree/core'
import { coverOf, isListAt, pathText } from '@livetree/core/tools'
import { AdminError } from '../errors.ts'
import type { Workspace } from '../workspace.ts'
import type { PlainTree } from './plain-tree.ts'

/**
 * Whether a place is in a list, in which a word that hides lower layers is text, but for that of a key. Where the schema may have an
 * object above it as well, the word hides what lower layers have by its name.
 */
export function isInList({ settings }: Workspace, path: Path): boolean {
  return path.some((_, depth) => isListAt(settings.definition, path.slice(0, depth)))
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

/** The refusal of a word that is text where it is from and none where it would be written, or the other way round. */
export function wordRefused(path: Path, word: string): AdminError {
  return new AdminError('unwritable_value', {
    what: `Cannot write "${pathText(path)}": in a list, ${word.trim()} is a text, and no key can hold it as one`,
    remedy: 'Write the list as a whole, where it is a JSON document.',
  })
}
