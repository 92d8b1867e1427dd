import type { Issue } from './issue.ts'
import { shortKey } from './short-text.ts'
import { errorOf, isInstanceOf, readableCause } from './thrown.ts'

/** Every code of `LivetreeError` with its meaning and its remedy. */
export const livetreeErrorCodes = {
  invalid_definition: {
    meaning: 'The options given to `defineConfig` are wrong.',
    remedy: 'Correct the option the message names.',
  },
  invalid_schema: {
    meaning: 'The schema contains something that a tree of values cannot express.',
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
    meaning: 'The tree does not match the schema and there is no earlier valid one to serve.',
    remedy: 'Correct every key in `issues`, which lists all problems.',
  },
  startup_timeout: {
    meaning: 'A source did not deliver its tree within `startup.timeoutMs`.',
    remedy: 'See the cause of each source in the message; consider `startup.onUnavailable`.',
  },
  source_unavailable: {
    meaning: 'A source cannot be reached or read.',
    remedy:
      'See `cause`. After loading, the last good configuration stays in service until the source is back.',
  },
  source_broken: {
    meaning:
      'A source violated its contract: a revision that decreased, or a patch before the first replace.',
    remedy: 'The update was dropped. Fix the source that the message names.',
  },
  snapshot_missing: {
    meaning: 'There is no snapshot on disk to start from, or it may not be read.',
    remedy:
      'Nothing to fix: the file is written after the first successful load. Check `snapshot.path` if it should exist.',
  },
  snapshot_damaged: {
    meaning: 'The snapshot on disk is truncated, altered, or not a snapshot.',
    remedy: 'Delete the file; it is written again after the next successful load.',
  },
  snapshot_locked: {
    meaning: 'The snapshot on disk cannot be opened with the given key, or with none.',
    remedy:
      'Pass the `snapshot.key` it was written with, or delete the file. It is kept as `<path>.locked`, and read there with that key, when a new one takes its place.',
  },
  snapshot_outdated: {
    meaning: 'The snapshot on disk was written for another configuration, schema, or file format.',
    remedy: 'Start once with the sources available; the file is then rewritten.',
  },
  snapshot_not_written: {
    meaning: 'The snapshot could not be written to disk. The running configuration is not affected.',
    remedy: 'See `cause`: permissions and free space at `snapshot.path`.',
  },
  keys_unavailable: {
    meaning: 'The keys of encrypted values cannot be read from the keyring.',
    remedy:
      'Correct the origin that the message names. A running configuration goes on with the keys it has; one that starts asks again until `startup.timeoutMs`.',
  },
  listener_failed: {
    meaning: 'A selector or listener threw or rejected. Other listeners were notified.',
    remedy: 'Fix the function; see `cause`.',
  },
  not_settled: {
    meaning:
      'A function of the application (`create`, `check`, a listener or handler) has been running for more than 5 seconds.',
    remedy:
      'Let it settle: give its I/O a timeout, and pass on the `signal` that `create` and `check` receive. The old instance stays in service meanwhile, and a listener is not called again.',
  },
  resource_failed: {
    meaning:
      'A resource could not be built, checked or disposed. A failed build leaves the old instance in service.',
    remedy: 'See `cause`. The build is retried at the next change.',
  },
  drain_timeout: {
    meaning:
      'An old instance of a resource was disposed while it was still borrowed, because `drainMs` had expired.',
    remedy: 'Borrow for a shorter time, or increase `drainMs`.',
  },
  invalid_path: {
    meaning: 'A path or key given to a tool names nothing in the schema, or cannot be a key of the layer.',
    remedy: 'Correct the path; the message says where it ends and what may have been meant.',
  },
  invalid_value: {
    meaning: 'The schema refuses a value that is to be written.',
    remedy: 'Give a value that the schema takes; `issues` has the path and what was expected.',
  },
  unwritable_value: {
    meaning: 'No text in a tree is read as the value that is to be written.',
    remedy: 'The message says why. Use `z.codec()` in place of a one-way transform.',
  },
  timeout: {
    meaning: 'The timeout of a call has expired.',
    remedy: 'Increase `timeoutMs`, or check `status` for what the call is waiting for.',
  },
  aborted: {
    meaning: 'The signal passed to a call was aborted.',
    remedy: 'The caller asked for it: `cause` holds the reason of the signal.',
  },
  closed: {
    meaning: 'The configuration or resource is closed.',
    remedy: 'Do not use it after `close()`.',
  },
  internal: {
    meaning:
      'A defect in livetree, or in a function of the schema that must not throw. The last good state stays in service.',
    remedy: 'Please report it, with `cause`.',
  },
} as const satisfies Record<string, { readonly meaning: string; readonly remedy: string }>

/** Identifies the kind of a `LivetreeError`; see `livetreeErrorCodes` for the meaning of each code. */
export type LivetreeErrorCode = keyof typeof livetreeErrorCodes

/** Options of the constructor of `LivetreeError`. */
export interface LivetreeErrorOptions {
  /** The error, or other thrown value, that caused this one. */
  readonly cause?: unknown
  /** All issues of a tree. Default none. */
  readonly issues?: readonly Issue[]
}

/**
 * The error class of this package. `message` starts with the code in brackets and says what happened, where, and what to
 * do. Neither message nor issues contain a secret value. `cause` is whatever was thrown, or an error that describes it if
 * reading it would throw.
 */
export class LivetreeError extends Error {
  override readonly name = 'LivetreeError'
  readonly code: LivetreeErrorCode
  /** All issues of the tree the error is about; empty for other errors. */
  readonly issues: readonly Issue[]

  constructor(code: LivetreeErrorCode, message: string, options: LivetreeErrorOptions = {}) {
    super(`[${code}] ${message}`, 'cause' in options ? { cause: readableCause(options.cause) } : undefined)
    this.code = code
    this.issues = options.issues ?? []
  }

  /** Includes `message`, which `JSON.stringify` omits from errors, and omits `cause`. */
  toJSON(): object {
    const { name, code, message, issues } = this
    return { name, code, message, ...(issues.length > 0 && { issues }) }
  }
}

/** Copies an error without its cause, for a status that applications may print: a cause may quote a secret. */
export function withoutCause({ code, message, stack, issues }: LivetreeError): LivetreeError {
  const shown = new LivetreeError(code, message.slice(code.length + 3), { issues })
  if (stack !== undefined) Object.defineProperty(shown, 'stack', { value: stack })
  return shown
}

/** Formats an issue as one line: the path, the problem, the received value, and every key involved with its revision. */
export function describeIssue(issue: Issue): string {
  const where = issue.pathText === '' ? '(the whole tree)' : issue.pathText
  const found = issue.received === undefined ? '' : `, received ${issue.received}`
  const origins = issue.origins.map((origin) => {
    const revision = origin.revision > 0 ? `, revision ${origin.revision}` : ''
    return `${origin.source}: ${shortKey(origin.key)}${revision}`
  })
  return `${where}: ${issue.message}${found}${origins.length === 0 ? '' : ` (${origins.join('; ')})`}`
}

/** Nobody reads more lines than this, and a log does not need them. */
const MOST_LINES = 100

/** Formats a heading followed by one line for each issue: at most 100, then the number of remaining ones. */
export function describeIssues(heading: string, issues: readonly Issue[]): string {
  const lines = issues.slice(0, MOST_LINES).map((issue) => `  ${describeIssue(issue)}`)
  const rest = issues.length - lines.length
  return [heading, ...lines, ...(rest > 0 ? [`  and ${rest} more`] : [])].join('\n')
}

/** Whether the value is a readable `LivetreeError`: user code may throw a Proxy of one, or one with unreadable properties. */
export function isLivetreeError(thrown: unknown): thrown is LivetreeError {
  return isInstanceOf(thrown, LivetreeError) && errorOf(thrown) === thrown && typeof thrown.code === 'string'
}
