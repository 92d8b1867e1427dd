import { MAX_LISTED } from './max-listed.ts'
import type { IssueWriter } from './issue-writer.ts'
import type { Issue, Origin, Path } from '../issue.ts'

/** The most characters of all names and keys listed, each counted as often as it is printed: a store allows names of any length. */
const MAX_CHARACTERS = 5_000_000

/** How much of what is wrong, or unused, is listed: by count and by the number of characters when it is printed. */
export class ListLimit {
  #count = 0
  #characters = 0

  /** Whether there is room for one more; there is for the first, whatever its size. */
  get hasRoom(): boolean {
    return this.#count < MAX_LISTED && this.#characters < MAX_CHARACTERS
  }

  add(characters: number): void {
    this.#count++
    this.#characters += characters
  }
}

/** The issues up to the limit, each with its message, and how many more there are. */
export function limitedIssues(
  found: readonly (() => Issue)[],
  unlisted: number,
  writer: IssueWriter,
): Issue[] {
  const limit = new ListLimit()
  const issues: Issue[] = []
  for (const write of found) {
    if (!limit.hasRoom) break
    const issue = write()
    issues.push(issue)
    limit.add(sizeOf(issue))
  }
  const more = found.length - issues.length + unlisted
  return more === 0 ? issues : [...issues, moreIssue(more, writer)]
}

function moreIssue(count: number, writer: IssueWriter): Issue {
  const message = `${count} more ${count === 1 ? 'is' : 'are'} wrong, and not listed`
  return writer.write({
    path: [],
    code: 'more',
    message,
    expected: undefined,
    received: undefined,
    origins: [],
  })
}

function sizeOf({ path, pathText, message, expected = '', received = '', origins }: Issue): number {
  const words = pathText.length + message.length + expected.length + received.length
  return words + sizeOfPath(path) + origins.reduce((sum, origin) => sum + sizeOfOrigin(origin), 0)
}

function sizeOfPath(path: Path): number {
  return path.reduce<number>((sum, segment) => sum + String(segment).length, 0)
}

/** The number of characters of an origin when it is printed. */
export function sizeOfOrigin({ source, layer, key }: Origin): number {
  return source.length + layer.length + key.length
}
