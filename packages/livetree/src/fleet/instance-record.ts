import type { Issue } from '@livetree/core'

/** At most so many issues are in a record. */
const MOST_ISSUES = 20
/** And so many bytes of them, as JSON. */
const MOST_ISSUE_BYTES = 4_096
/** A longer text of an issue is cut, in characters. */
const MOST_TEXT = 400

/** One thing that is wrong with a tree, as an instance reports it. Never holds a secret. */
export interface InstanceIssue {
  /** `db.pool.max` */
  readonly path: string
  readonly message: string
  readonly code: string
  /** The keys that it is about. */
  readonly keys: readonly string[]
}

/** A directory that an instance reads, and where it is mounted. */
export interface InstanceLayer {
  /** Without a slash at its end. */
  readonly prefix: string
  /** Missing: at the top of the schema. */
  readonly at?: string | undefined
}

/** What an instance is, whatever becomes of its configuration. */
export interface InstanceIdentity {
  /** Name of the configuration. */
  readonly name: string
  readonly id: string
  /** Where its schema is published: `schemas/<fingerprint>`. */
  readonly schema: string
  /** Lowest precedence first. */
  readonly layers: readonly InstanceLayer[]
  readonly appVersion?: string | undefined
  readonly host: string
  readonly pid: number
  readonly labels?: Readonly<Record<string, string>> | undefined
  /** When it joined first, in ms since the Unix epoch. */
  readonly startedAt: number
}

/** What an instance says of the newest tree that it judged. */
export interface InstanceVerdict {
  readonly verdict: 'applied' | 'rejected'
  /** The store's revision up to which everything was judged. */
  readonly revision: number
  /** The revision of what is in service: with `rejected` an older one. */
  readonly applied: number
  readonly epoch: number
  readonly state: 'live' | 'stale' | 'closed'
  readonly servedFrom: 'sources' | 'snapshot' | 'defaults'
  /** Paths that it still runs an old value of; see `ConfigStatus.needsRestart`. At most 20. */
  readonly needsRestart?: readonly string[] | undefined
  /** With `rejected`: at most 20, and 4 KiB. */
  readonly issues?: readonly InstanceIssue[] | undefined
  /** How many more issues there are. */
  readonly moreIssues?: number | undefined
}

/** What stands at `instances/<name>/<id>` below the operations prefix, as JSON. */
export interface InstanceRecord extends InstanceIdentity, InstanceVerdict {
  readonly version: 1
  /** When the verdict was reached, in ms since the Unix epoch. */
  readonly at: number
}

/** Issues as far as a record holds them. */
export function shownIssues(issues: readonly Issue[]): Pick<InstanceRecord, 'issues' | 'moreIssues'> {
  const shown: InstanceIssue[] = []
  let bytes = 2
  for (const { pathText, message, code, origins } of issues) {
    const keys = origins.slice(0, 2).map(({ key }) => cut(key))
    const issue = { path: cut(pathText), message: cut(message), code, keys }
    bytes += Buffer.byteLength(JSON.stringify(issue)) + 1
    if (shown.length === MOST_ISSUES || bytes > MOST_ISSUE_BYTES) break
    shown.push(issue)
  }
  const more = issues.length - shown.length
  return more === 0 ? { issues: shown } : { issues: shown, moreIssues: more }
}

/** The paths that need a restart, as far as a record holds them; nothing where there are none. */
export function shownPaths(paths: readonly string[]): Pick<InstanceRecord, 'needsRestart'> {
  return paths.length === 0 ? {} : { needsRestart: paths.slice(0, MOST_ISSUES).map(cut) }
}

function cut(text: string): string {
  return text.length <= MOST_TEXT ? text : `${text.slice(0, MOST_TEXT - 1).toWellFormed()}…`
}
