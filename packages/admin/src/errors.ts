import type { Issue } from '@livetree/core'
import type { Conflict } from './change/conflict.ts'
import { type AdminErrorCode, adminErrorCodes } from './error-codes.ts'

/** Options of the constructor of `AdminError`. */
export interface AdminErrorDetails {
  /** What happened, without a full stop. Default: the meaning of the code. */
  readonly what?: string | undefined
  /** Replaces the remedy of the code. */
  readonly remedy?: string | undefined
  readonly cause?: unknown
  /** What the schema says. Default none. */
  readonly issues?: readonly Issue[] | undefined
  /** The keys that others changed. Default none. */
  readonly conflicts?: readonly Conflict[] | undefined
}

/**
 * The error class of this package. The message starts with the code in brackets and says what happened, where, and what to
 * do. Neither message, issues nor conflicts contain the text of a secret.
 */
export class AdminError extends Error {
  override readonly name = 'AdminError'
  readonly code: AdminErrorCode
  /** All issues of the tree or value that the error is about; empty for other errors. */
  readonly issues: readonly Issue[]
  /** With `conflict`: every key that others changed. */
  readonly conflicts: readonly Conflict[]

  constructor(code: AdminErrorCode, details: AdminErrorDetails = {}) {
    const { meaning, remedy } = adminErrorCodes[code]
    const what = sentence(details.what ?? meaning)
    super(
      `[${code}] ${what} ${details.remedy ?? remedy}`.trimEnd(),
      details.cause === undefined ? undefined : { cause: details.cause },
    )
    this.code = code
    this.issues = details.issues ?? []
    this.conflicts = details.conflicts ?? []
  }

  /** Includes `message`, which `JSON.stringify` omits from errors, and omits `cause`. */
  toJSON(): object {
    const { name, code, message, issues, conflicts } = this
    return {
      name,
      code,
      message,
      ...(issues.length > 0 && { issues }),
      ...(conflicts.length > 0 && { conflicts }),
    }
  }
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`
}
