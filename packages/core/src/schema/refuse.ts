import type * as z from 'zod/v4/core'
import { LivetreeError } from '../errors.ts'
import { findClash, placeText } from './name-clash.ts'
import { MAX_LEVELS } from './endless.ts'
import type { SchemaNode } from './schema-node.ts'
import { holdsSecret } from './secret.ts'

/** @throws LivetreeError `name_clash` when two properties of one place are written alike */
export function refuseClashes(schemaNode: SchemaNode): void {
  const clash = findClash(schemaNode, 'stored')
  if (clash === undefined) return
  const { one, other, written, path } = clash
  throw new LivetreeError(
    'name_clash',
    `Properties "${one}" and "${other}" of ${placeText(path)} both map to the key segment "${written}". Rename one, or use naming "exact".`,
  )
}

/** @throws LivetreeError `invalid_schema` when the keys of a record or a map are secret */
export function refuseSecretKey(key: z.$ZodType, path: readonly string[]): void {
  if (holdsSecret(key))
    refuse([...path, '<key>'], 'secret keys', 'paths are shown everywhere; keep secrets in values')
}

/** @throws LivetreeError `invalid_schema` for code that needs await */
export function refuseAsync(path: readonly string[]): never {
  const message = `The schema of ${placeText(path)} has an async refinement, transform or catch; a live configuration is judged at once, without await. Make it synchronous, or check it where the value is used.`
  throw new LivetreeError('invalid_schema', message)
}

/** @throws LivetreeError `invalid_schema` for a schema that is too deep, or never ends */
export function refuseEndless(path: readonly string[]): never {
  const place = placeText(path.slice(0, 3))
  const message = `The schema at ${place} is nested more than ${MAX_LEVELS} levels deep, or without end because a function makes a new schema at each level. Keep a recursive schema in a constant and refer to that.`
  throw new LivetreeError('invalid_schema', message)
}

/** @throws LivetreeError `invalid_schema` */
export function refuse(path: readonly string[], what: string, remedy: string): never {
  throw new LivetreeError(
    'invalid_schema',
    `Cannot hold ${what} at ${placeText(path)} in a tree of text values: ${remedy}.`,
  )
}
