import type { Issue } from './issue.ts'
import { shortKey } from './short-text.ts'
import { errorOf, isInstanceOf, readableCause } from './thrown.ts'

/** Every code a `LivetreeError` can carry: what it means, and what the one who reads it can do. */
export const livetreeErrorCodes = {
  invalid_definition: {
    meaning: 'The options given to `defineConfig` are wrong.',
    remedy: 'Correct the option the message names.',
  },
  invalid_schema: {
    meaning: 'The schema holds something a tree of values cannot express.',
    remedy: 'Change the schema at the path in the message.',
  },
  name_clash: {
    meaning: 'Two properties of the schema would be stored under one key.',
    remedy: 'Rename one of them, or use another `naming`.',
  },
  invalid_options: {
    meaning: 'The options given to `load`, to a source or to a method are wrong.',
    remedy: 'Correct the option the message names.',
  },
  invalid_config: {
    meaning: 'The tree does not fit the schema and there is no earlier good one to serve.',
    remedy: 'Correct every key in `issues`; they are listed all at once.',
  },
  startup_timeout: {
    meaning: 'A source did not hand over its tree within `startup.timeoutMs`.',
    remedy: 'See the cause of each source in the message; consider `startup.onUnavailable`.',
  },
  source_unavailable: {
    meaning: 'A source cannot be reached or read.',
    remedy:
      'See `cause`. Once loaded, the last good configuration stays in service until the source is back.',
  },
  source_broken: {
    meaning:
      'A source broke the contract of the port: a revision that went back, a patch before the first replace.',
    remedy: 'The update was dropped. Mend the source; its name is in the message.',
  },
  snapshot_missing: {
    meaning: 'There is no snapshot on disk to start from, or it may not be read.',
    remedy:
      'Nothing to mend: the file is written after the first good load. Check `snapshot.path` if it should exist.',
  },
  snapshot_damaged: {
    meaning: 'The snapshot on disk is cut off, altered, or not a snapshot.',
    remedy: 'Delete the file; it is written anew after the next good load.',
  },
  snapshot_locked: {
    meaning: 'The snapshot on disk cannot be opened with the given key, or with none.',
    remedy: 'Give the `snapshot.key` it was written with, or delete the file.',
  },
  snapshot_outdated: {
    meaning: 'The snapshot on disk was written for another configuration, schema, or file format.',
    remedy: 'Start once with the sources available; the file is then written anew.',
  },
  snapshot_not_written: {
    meaning: 'The snapshot could not be written to disk. The running configuration is not affected.',
    remedy: 'See `cause`: permissions and free space at `snapshot.path`.',
  },
  listener_failed: {
    meaning: 'A selector or listener threw or rejected. Other listeners were told all the same.',
    remedy: 'Mend the function; see `cause`.',
  },
  resource_failed: {
    meaning:
      'A resource could not be built, checked or disposed. A failed build leaves the old instance in service.',
    remedy: 'See `cause`. It is tried again at the next change.',
  },
  drain_timeout: {
    meaning:
      'An old instance of a resource was disposed while it was still borrowed, because `drainMs` had passed.',
    remedy: 'Borrow for a shorter time, or raise `drainMs`.',
  },
  timeout: {
    meaning: 'The time allowed for a call has passed.',
    remedy: 'Raise `timeoutMs`, or find out what it waits for in `status`.',
  },
  aborted: {
    meaning: 'The signal given to a call fired.',
    remedy: 'None: this is what the caller asked for. See `cause` for its reason.',
  },
  closed: {
    meaning: 'The configuration or resource is closed.',
    remedy: 'Do not use it after `close()`.',
  },
  internal: {
    meaning:
      'A defect in livetree, or in a function of the schema where nothing may throw. The last good state stays.',
    remedy: 'Please report it, with `cause`.',
  },
} as const satisfies Record<string, { readonly meaning: string; readonly remedy: string }>

/** Tells the kinds of `LivetreeError` apart; see `livetreeErrorCodes` for the meaning of each. */
export type LivetreeErrorCode = keyof typeof livetreeErrorCodes

export interface LivetreeErrorOptions {
  /** What lies behind it. */
  readonly cause?: unknown
  /** All that is wrong with a tree. */
  readonly issues?: readonly Issue[]
}

/**
 * The one error class of this package. `message` starts with the code in brackets and says what happened, where, and
 * what to do. Neither message nor issues hold a secret value; `cause` is whatever was thrown, or an error that describes it
 * where reading that would throw.
 */
export class LivetreeError extends Error {
  override readonly name = 'LivetreeError'
  readonly code: LivetreeErrorCode
  /** All that is wrong with a tree; empty unless the error speaks of one. */
  readonly issues: readonly Issue[]

  constructor(code: LivetreeErrorCode, message: string, options: LivetreeErrorOptions = {}) {
    super(`[${code}] ${message}`, 'cause' in options ? { cause: readableCause(options.cause) } : undefined)
    this.code = code
    this.issues = options.issues ?? []
  }

  /** With its message, which `JSON.stringify` leaves out of errors, and without `cause`. */
  toJSON(): object {
    const { name, code, message, issues } = this
    return { name, code, message, ...(issues.length > 0 && { issues }) }
  }
}

/** One line for people: the path, what is wrong, what was found, and every key that has a part in it with its revision. */
export function describeIssue(issue: Issue): string {
  const where = issue.pathText === '' ? '(the whole tree)' : issue.pathText
  const found = issue.received === undefined ? '' : `, received ${issue.received}`
  const origins = issue.origins.map((origin) => {
    const revision = origin.revision > 0 ? `, revision ${origin.revision}` : ''
    return `${origin.source}: ${shortKey(origin.key)}${revision}`
  })
  return `${where}: ${issue.message}${found}${origins.length === 0 ? '' : ` (${origins.join('; ')})`}`
}

/** More lines than that nobody reads, and a log need not hold. */
const MOST_LINES = 100

/** A heading, and below it the issues, one on a line; of more than 100, how many more there are. */
export function describeIssues(heading: string, issues: readonly Issue[]): string {
  const lines = issues.slice(0, MOST_LINES).map((issue) => `  ${describeIssue(issue)}`)
  const rest = issues.length - lines.length
  return [heading, ...lines, ...(rest > 0 ? [`  and ${rest} more`] : [])].join('\n')
}

/** Whether it is one of ours and can be read: a user's code may throw one it has made, or a Proxy of one. */
export function isLivetreeError(thrown: unknown): thrown is LivetreeError {
  return isInstanceOf(thrown, LivetreeError) && errorOf(thrown) === thrown && typeof thrown.code === 'string'
}
