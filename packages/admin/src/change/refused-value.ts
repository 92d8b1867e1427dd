import { LivetreeError, type Path } from '@livetree/core'
import { kindAt, writeValue } from '@livetree/core/tools'
import { isAllText, type PlainTree, plainValue } from '../transfer/plain-tree.ts'
import type { Workspace } from '../workspace.ts'

/** Why no text of a key is read as a value that the schema does not describe. */
export function refusalAt({ settings }: Workspace, path: Path, tree: PlainTree): LivetreeError | undefined {
  const { definition, isUntyped } = settings
  if (isUntyped || isAllText(tree) || kindAt(definition, path) !== 'raw') return undefined
  try {
    writeValue(definition, path, plainValue(tree))
    return undefined
  } catch (error) {
    return error instanceof LivetreeError && error.code === 'unwritable_value' ? error : undefined
  }
}

/** Why no key can hold the value of a part: the schema does not say what is in it, and it is no text. */
export function unreadReasonAt(workspace: Workspace, path: Path, part: PlainTree): string | undefined {
  return refusalAt(workspace, path, part) !== undefined
    ? 'the schema does not say what is in it, and reads the text of a key as text'
    : undefined
}
