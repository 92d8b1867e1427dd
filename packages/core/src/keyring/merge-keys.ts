import type { EnvelopeKey } from '../encryption/key-set.ts'
import { OriginError } from './key-origin.ts'

/**
 * The keys of several origins, each once.
 *
 * @throws OriginError where two of them have one id
 */
export function mergeKeys(given: readonly (readonly EnvelopeKey[])[]): readonly EnvelopeKey[] {
  const keys = new Map<string, EnvelopeKey>()
  for (const key of given.flat()) {
    const known = keys.get(key.id)
    if (known !== undefined && !known.key.equals(key.key))
      throw new OriginError(`The keyring has two keys of the id "${key.id}". Give one of them another id.`, {
        isFinal: true,
      })
    keys.set(key.id, known ?? key)
  }
  return [...keys.values()]
}
