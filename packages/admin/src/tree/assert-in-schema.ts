import type { Path } from '@livetree/core'
import { kindAt, pathText } from '@livetree/core/tools'
import { AdminError } from '../errors.ts'
import type { Workspace } from '../workspace.ts'

/**
 * For a path at which the store has nothing: without a place in the schema either, it is misspelt.
 *
 * @throws AdminError `invalid_path`
 */
export function assertInSchema({ settings }: Workspace, path: Path): void {
  if (settings.isUntyped || kindAt(settings.definition, path) !== undefined) return
  throw new AdminError('invalid_path', {
    what: `Neither the schema of "${settings.definition.name}" nor the store has anything at "${pathText(path)}"`,
  })
}
