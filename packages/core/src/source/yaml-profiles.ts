import { coverOf, EMPTY } from '../format/cover.ts'
import { YamlProblem } from './compose-yaml.ts'
import { ITSELF } from './flatten.ts'

/** One document of a file, and where it begins. */
export interface YamlDocument {
  readonly value: unknown
  readonly offset: number | undefined
}

/** The name in a document that tells for which profiles it counts. */
const PROFILE = 'profile'

/** Documents of one file that count, later ones over earlier ones, leaf by leaf. */
export class DocumentStack {
  readonly documents: readonly unknown[]

  constructor(documents: readonly unknown[]) {
    this.documents = documents
  }
}

/**
 * The documents of a file that count for some profiles: those without a `profile` of their own count always, and those
 * with one, or a list of them, where it is among `profiles`. `profile` itself is no value.
 *
 * @throws YamlProblem
 */
export function documentsOfProfiles(
  documents: readonly YamlDocument[],
  profiles: readonly string[],
): DocumentStack {
  const counting: unknown[] = []
  for (const { value, offset } of documents) {
    if (value === null || value === undefined) continue
    if (!(value instanceof Map)) throw new YamlProblem('a document that is no object', offset)
    const own: unknown = value.get(PROFILE)
    if (own !== undefined && !profilesOf(own, offset).some((name) => profiles.includes(name))) continue
    const values = new Map<unknown, unknown>(value)
    values.delete(PROFILE)
    counting.push(values)
  }
  return new DocumentStack(counting)
}

/** What a stack of documents comes to, for `flatten`; undefined for none. Any other value is itself. */
export function mergedDocuments(value: unknown): unknown {
  return value instanceof DocumentStack ? value.documents.reduce(merge, undefined) : value
}

function profilesOf(given: unknown, offset: number | undefined): readonly string[] {
  const names = [given].flat()
  const areNames = names.every((name): name is string => typeof name === 'string' && name !== '')
  if (!areNames) throw new YamlProblem('a profile that is neither a name nor a list of names', offset)
  return names
}

/**
 * Maps are merged name by name; any other value of the later document replaces the earlier one. Where the earlier one hides
 * what lower layers have, it goes on to do so below what the later one has.
 */
function merge(lower: unknown, upper: unknown): unknown {
  if (!(upper instanceof Map)) return upper
  if (coverOf(lower) !== undefined) return new Map<unknown, unknown>([[ITSELF, EMPTY], ...upper])
  if (!(lower instanceof Map)) return upper
  const merged = new Map<unknown, unknown>(lower)
  for (const [name, value] of upper)
    merged.set(name, merged.has(name) ? merge(merged.get(name), value) : value)
  return merged
}
