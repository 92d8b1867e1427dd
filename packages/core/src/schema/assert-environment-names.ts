import { LivetreeError } from '../errors.ts'
import { findClash, placeText } from './name-clash.ts'
import type { SchemaNode } from './schema-node.ts'

/**
 * Checks that no two names of one place stand for the same environment variable. Asked only where there are environment
 * variables: to other sources such names are as good as any.
 *
 * @throws LivetreeError `name_clash`
 */
export function assertEnvironmentNames(schemaNode: SchemaNode): void {
  const clash = findClash(schemaNode, 'environment')
  if (clash === undefined) return
  const { one, other, written, path } = clash
  throw new LivetreeError(
    'name_clash',
    `"${one}" and "${other}" of ${placeText(path)} both map to ${written} in environment variables. Rename one, or load without env().`,
  )
}
