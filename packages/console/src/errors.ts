/** Every code of `ConsoleError` with its meaning and its remedy. */
export const consoleErrorCodes = {
  invalid_options: {
    meaning: 'The options given to a call are wrong.',
    remedy: 'Correct the option that the message names.',
  },
  listen_failed: {
    meaning: 'The console cannot listen at this address.',
    remedy: 'Choose another port or host; see `cause`.',
  },
} as const satisfies Record<string, { readonly meaning: string; readonly remedy: string }>

/** Identifies the kind of a `ConsoleError`; see `consoleErrorCodes` for the meaning of each code. */
export type ConsoleErrorCode = keyof typeof consoleErrorCodes

/** The error class of this package: its message starts with the code in brackets and says what to do. */
export class ConsoleError extends Error {
  override readonly name = 'ConsoleError'
  readonly code: ConsoleErrorCode

  constructor(code: ConsoleErrorCode, what: string, cause?: unknown) {
    super(`[${code}] ${what}`, cause === undefined ? undefined : { cause })
    this.code = code
  }
}
