import { nearestName, newGuessBudget } from '@livetree/core/adapter'

/** A place inside of a flag or a set of flags. */
export type Place = readonly (string | number)[]

/** What is wrong, and where. */
export interface FlagIssue {
  readonly path: Place
  readonly message: string
  /** A name that does not exist, and those that do. */
  readonly unknown?: { readonly name: string; readonly among: readonly string[] }
}

/** Tells each issue of one value, with the name that was meant by an unknown one as far as one budget for all allows. */
export function tellIssues(issues: readonly FlagIssue[], tell: (path: Place, message: string) => void): void {
  const guesses = newGuessBudget()
  for (const { path, message, unknown } of issues) {
    const near = unknown === undefined ? undefined : nearestName(unknown.name, unknown.among, guesses)
    tell(path, near === undefined ? message : `${message}; did you mean ${JSON.stringify(near)}?`)
  }
}
