import type { RawIssue } from './validate.ts'

/** What zod was given when it raised a list of issues. */
export interface Given {
  readonly input: unknown
  /** How many more issues zod raised than are in the list. */
  readonly unlisted: number
}

const givenFor = new WeakMap<readonly RawIssue[], Given>()

/** Remembers what zod was given when it raised these issues. */
export function noteGiven(issues: readonly RawIssue[], input: unknown, unlisted = 0): void {
  givenFor.set(issues, { input, unlisted })
}

/** What was noted for a list of issues; undefined where zod saw no value. */
export function givenOf(issues: readonly RawIssue[]): Given | undefined {
  return givenFor.get(issues)
}
