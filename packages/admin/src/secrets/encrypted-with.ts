import type { ConfigDefinition, Path } from '@livetree/core'
import { isTextOpenAt, keyIdOf } from '@livetree/core/tools'
import type { $ZodType } from 'zod/v4/core'
import { JsonDocument } from '../change/json-document.ts'

/**
 * The id of the key that hides what is secret in a text: it is an envelope, or a document with envelopes in all places that are not
 * open to anyone. Undefined where something secret stands there as it is, and where nothing is encrypted.
 *
 * @param paths where the text stands: a shared directory may have several places, and all count
 */
export function encryptedWith(
  definition: ConfigDefinition<$ZodType>,
  paths: readonly Path[],
  text: string | undefined,
): string | undefined {
  const whole = keyIdOf(text)
  const document = whole === undefined && text !== undefined ? JsonDocument.of(text) : undefined
  if (document === undefined) return whole
  let found: string | undefined
  let isHiding = true
  document.mapScalars((names, json) => {
    const keyId = json.startsWith('"') ? keyIdOf(JSON.parse(json)) : undefined
    if (keyId !== undefined) found ??= keyId
    else isHiding &&= paths.every((path) => isTextOpenAt(definition, [...path, ...names]))
    return json
  })
  return isHiding ? found : undefined
}
