import type { $ZodType } from 'zod/v4/core'
import type { ConfigDefinition } from '../config-definition.ts'
import type { Path } from '../issue.ts'
import { jsonText } from './document-value.ts'
import { DocumentWriter } from './document-writer.ts'
import { pathOf } from './schema-at.ts'
import { attempt } from './unwritable.ts'
import { WrittenPlace } from './write-value.ts'

/**
 * Writes a value as a part of a JSON document that stands above its path: the JSON text that is put there. It is read back
 * before it is returned, as `writeValue` does it.
 *
 * @throws LivetreeError `invalid_path`, `invalid_value`, `unwritable_value`
 */
export function writePart(
  definition: ConfigDefinition<$ZodType>,
  path: string | Path,
  value: unknown,
): string {
  const at = pathOf(path)
  const place = new WrittenPlace(definition, at)
  place.run(() => place.assertReadable(value))
  const writer = new DocumentWriter({
    naming: definition.naming,
    isSide: false,
    noteOneWay: (where) => void place.oneWays.push(where),
  })
  const written = place.run(() => attempt(() => writer.write(place.node, value, at)))
  if ('error' in written) return place.refuse(written.error.details)
  const json = jsonText(written.result)
  place.assertPartReadAs(value, json)
  return json
}
