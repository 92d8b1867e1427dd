import type { ExitCode } from './exit-codes.ts'

/** What a failed command reports. The message says what happened and where; nothing in it is secret. */
export interface CliErrorDetails {
  /** A word for scripts, such as `usage`. */
  readonly code: string
  /** Lines below the message, such as one for each issue. */
  readonly lines?: readonly string[] | undefined
  /** What to do next. */
  readonly remedy?: string | undefined
  readonly cause?: unknown
}

/** A failure of a command that is reported to its user, with the exit code. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly exitCode: ExitCode
  readonly code: string
  readonly lines: readonly string[]
  readonly remedy: string | undefined

  constructor(exitCode: ExitCode, message: string, details: CliErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.exitCode = exitCode
    this.code = details.code
    this.lines = details.lines ?? []
    this.remedy = details.remedy
  }
}

/** A wrong command line or a wrong file. */
export function usageError(message: string, remedy?: string, lines?: readonly string[]): CliError {
  return new CliError(64, message, { code: 'usage', remedy, lines })
}
