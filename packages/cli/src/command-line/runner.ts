import type { Result } from '../output/result.ts'
import type { Session } from '../session.ts'

/** What a command does. What it returns is written to stdout, once it has succeeded. */
export type Runner = (session: Session, args: never, options: never) => Promise<Outcome>

/** What a command that succeeded found or did. */
export interface Outcome {
  /** Undefined: a command that has written line by line, or has nothing to show. */
  readonly result?: Result | undefined
  /** 2 only with `--exit-code`. */
  readonly exitCode?: 0 | 2
}
