import type { ConfigDefinition, Path } from '@livetree/core'
import { coverOf, holdsEncryptedAt, isTextOpenAt, keyIdOf } from '@livetree/core/tools'
import type { $ZodType } from 'zod/v4/core'
import { JsonDocument } from '../change/json-document.ts'

/**
 * Whether nothing that is secret stands in a text as it is: it is an envelope, or a document with envelopes in all places that
 * are not open to anyone and are not empty. Where nothing is encrypted, that is not known of a text that may be secret.
 *
 * @param paths where the text stands: a shared directory may have several places, and all count
 */
export function isEncryptedText(
  definition: ConfigDefinition<$ZodType>,
  paths: readonly Path[],
  text: string,
): boolean {
  if (keyIdOf(text) !== undefined) return true
  if (!paths.every((path) => holdsEncryptedAt(definition, path))) return false
  const document = JsonDocument.of(text)
  if (document === undefined) return coverOf(text) !== undefined
  let isHiding = true
  document.mapScalars((names, json) => {
    isHiding &&=
      (json.startsWith('"') && keyIdOf(JSON.parse(json)) !== undefined) ||
      paths.every((path) => isTextOpenAt(definition, [...path, ...names]))
    return json
  })
  return isHiding
}

/** What is open to anyone in a document, by names; nothing of another text. */
export function openParts(
  definition: ConfigDefinition<$ZodType>,
  paths: readonly Path[],
  text: string,
): ReadonlyMap<string, string> {
  const open = new Map<string, string>()
  JsonDocument.of(text)?.mapScalars((names, json) => {
    if (paths.every((path) => isTextOpenAt(definition, [...path, ...names])))
      open.set(JSON.stringify(names), json)
    return json
  })
  return open
}

/** The id of the key that a text, or the first part of its document, is encrypted with; undefined where one is in plain text. */
export function encryptedWith(
  definition: ConfigDefinition<$ZodType>,
  paths: readonly Path[],
  text: string | undefined,
): string | undefined {
  if (text === undefined || !isEncryptedText(definition, paths, text)) return undefined
  let found = keyIdOf(text)
  JsonDocument.of(text)?.mapScalars((_, json) => {
    if (json.startsWith('"')) found ??= keyIdOf(JSON.parse(json))
    return json
  })
  return found
}
