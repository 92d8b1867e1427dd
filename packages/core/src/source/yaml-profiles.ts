import { YamlProblem } from './compose-yaml.ts'

/** One document of a file, and where it begins. */
export interface YamlDocument {
  readonly value: unknown
  readonly offset: number | undefined
}

/** The name in a document that tells for which profiles it counts. */
const PROFILE = 'profile'

/**
 * What the documents of a file come to for some profiles: those without a `profile` of their own count always, and those
 * with one, or a list of them, where it is among `profiles`. Later ones win, leaf by leaf. `profile` itself is no value.
 *
 * @throws YamlProblem
 */
export function valueOfProfiles(documents: readonly YamlDocument[], profiles: readonly string[]): unknown {
  let merged: unknown
  for (const { value, offset } of documents) {
    if (value === null || value === undefined) continue
    if (!(value instanceof Map)) throw new YamlProblem('a document that is no object', offset)
    const own: unknown = value.get(PROFILE)
    if (own !== undefined && !profilesOf(own, offset).some((name) => profiles.includes(name))) continue
    const values = new Map<unknown, unknown>(value)
    values.delete(PROFILE)
    merged = merge(merged, values)
  }
  return merged
}

function profilesOf(given: unknown, offset: number | undefined): readonly string[] {
  const names = [given].flat()
  const areNames = names.every((name): name is string => typeof name === 'string' && name !== '')
  if (!areNames) throw new YamlProblem('a profile that is neither a name nor a list of names', offset)
  return names
}

/** Maps are merged name by name; any other value of the later document replaces the earlier one. */
function merge(lower: unknown, upper: unknown): unknown {
  if (!(lower instanceof Map) || !(upper instanceof Map)) return upper
  const merged = new Map<unknown, unknown>(lower)
  for (const [name, value] of upper)
    merged.set(name, merged.has(name) ? merge(merged.get(name), value) : value)
  return merged
}
