import type { WirePath } from './wire-path.ts'

/** What is wrong with a place. */
export interface IssueView {
  readonly path: WirePath
  readonly pathText: string
  readonly message: string
}

/** A failure, in words for people. */
export interface ErrorView {
  readonly code: string
  readonly message: string
  readonly issues: readonly IssueView[]
  /** Keys that others changed, each in a line. */
  readonly conflicts: readonly string[]
}
