import { YamlProblem } from './compose-yaml.ts'
import { textOfScalar } from '../format/written-scalar.ts'
import { Unreadable } from './source.ts'

/** One document of a file, and where it begins. */
export interface YamlDocument {
  readonly value: unknown
  readonly offset: number | undefined
}

/** For which profiles documents count. */
export interface ProfileChoice {
  readonly names: readonly string[]
  /** What a profile in a document is taken for, such as a text with its variables put in. */
  read(profile: unknown): unknown
}

/** The name in a document that says for which profiles it counts. */
const PROFILE = 'profile'

/** How many documents one file may have: each is a layer of its own, and a source declares its layers before it reads. */
export const MAX_DOCUMENTS = 100

/** The documents of one file in their order, each for a layer of its own; undefined for one that does not count. */
export class DocumentStack {
  readonly documents: readonly unknown[]
  /** The same as they are written: with their `profile`, and those that do not count. */
  readonly written: readonly unknown[]

  constructor(documents: readonly unknown[], written: readonly unknown[] = documents) {
    this.documents = documents
    this.written = written
  }
}

/**
 * The documents of a file, of which those count for some profiles that have no `profile` of their own, and those
 * with one, or a list of them, where it is among the names of `choice`. `profile` itself is no value.
 *
 * @throws YamlProblem
 */
export function documentsOfProfiles(
  documents: readonly YamlDocument[],
  choice: ProfileChoice,
): DocumentStack {
  const beyond = documents[MAX_DOCUMENTS]
  if (beyond !== undefined)
    throw new YamlProblem(`more than ${MAX_DOCUMENTS} documents: split the file into several`, beyond.offset)
  const written = documents.map(({ value }) => value)
  return new DocumentStack(
    documents.map((document) => countingValue(document, choice)),
    written,
  )
}

/** What a document has of values, without its `profile`; undefined where it does not count. @throws YamlProblem */
export function countingValue({ value, offset }: YamlDocument, { names, read }: ProfileChoice): unknown {
  if (!(value instanceof Map)) return value === null ? undefined : value
  const own: unknown = value.get(PROFILE)
  if (own !== undefined && !profilesOf(read(own), offset).some((name) => names.includes(name)))
    return undefined
  const values = new Map<unknown, unknown>(value)
  values.delete(PROFILE)
  return values
}

function profilesOf(given: unknown, offset: number | undefined): readonly string[] {
  const names = [given].flat()
  const unread = names.find((name) => name instanceof Unreadable)
  if (unread !== undefined) throw new YamlProblem(`a profile with ${unread.reason}`, offset)
  return names.map((name) => {
    const text = typeof name === 'string' ? name : textOfScalar(name)
    if (text === undefined || text === '')
      throw new YamlProblem('a profile that is neither a name nor a list of names', offset)
    return text
  })
}
