import { optionKinds } from '@livetree/core/source'
import type { Issue } from '@livetree/core'
import { isCount, isListOf, isText, isTime, parseJson } from './json-shape.ts'

/** The most issues in a record. */
const MOST_ISSUES = 20
/** The most bytes of the issues in a record, as JSON. */
const MOST_ISSUE_BYTES = 4_096
/** A longer text of an issue is cut, in characters. */
const MOST_TEXT = 400

/** The most characters of a record. One with 32 labels and all of its issues stays well below. */
const MOST_RECORD = 65_536

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
  /**
   * The revision of what is in service: with `rejected` an older one. 0: what is in service is of no revision of this store, which
   * was restored since, or is another one.
   */
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
  /** The newest version of proposals that it judges; missing: it judges none, or may not read them. */
  readonly judgesProposals?: number | undefined
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

const VERDICTS: readonly unknown[] = ['applied', 'rejected']
const STATES: readonly unknown[] = ['live', 'stale', 'closed']
const PLACES: readonly unknown[] = ['sources', 'snapshot', 'defaults']

/** What a key among the instances holds. */
export type InstanceRead =
  | { readonly type: 'instance'; readonly record: InstanceRecord }
  /** A newer version of livetree has written it. */
  | { readonly type: 'newer'; readonly version: number }
  /** It is damaged, longer than an instance writes it, or something else. */
  | { readonly type: 'unreadable' }

/** Reads the record of an instance, whoever has written it. */
export function readInstance(text: string): InstanceRead {
  const read = parseJson(text, MOST_RECORD)
  if (!optionKinds.isObject(read)) return { type: 'unreadable' }
  const { version } = read
  if (Number.isSafeInteger(version) && (version as number) > 1)
    return { type: 'newer', version: version as number }
  return isRecord(read) ? { type: 'instance', record: read } : { type: 'unreadable' }
}

function isRecord(
  read: Readonly<Record<string, unknown>>,
): read is Readonly<Record<string, unknown>> & InstanceRecord {
  const {
    version,
    layers,
    labels = {},
    issues = [],
    moreIssues = 0,
    needsRestart = [],
    judgesProposals = 1,
    appVersion = '',
  } = read
  const areTexts = ['name', 'id', 'schema', 'host'].every((name) => typeof read[name] === 'string')
  const areTimes = ['startedAt', 'at'].every((name) => isTime(read[name]))
  const areCounts = [read['revision'], read['applied'], read['epoch'], moreIssues].every(isCount)
  const isKnown =
    version === 1 &&
    VERDICTS.includes(read['verdict']) &&
    STATES.includes(read['state']) &&
    PLACES.includes(read['servedFrom']) &&
    typeof appVersion === 'string' &&
    Number.isSafeInteger(judgesProposals)
  const isLabelled =
    optionKinds.isObject(labels) && Object.values(labels).every((label) => typeof label === 'string')
  return (
    areTexts &&
    areTimes &&
    Number.isFinite(read['pid']) &&
    areCounts &&
    isKnown &&
    isLabelled &&
    isListOf(layers, isLayer) &&
    isListOf(issues, isIssue) &&
    isListOf(needsRestart, isText)
  )
}

function isLayer(layer: unknown): boolean {
  return optionKinds.isObject(layer) && isText(layer['prefix']) && isText(layer['at'] ?? '')
}

/** Whether a value is an issue as a record or a verdict holds it. */
export function isIssue(issue: unknown): issue is InstanceIssue {
  if (!optionKinds.isObject(issue)) return false
  return (
    isText(issue['path']) &&
    isText(issue['message']) &&
    isText(issue['code']) &&
    isListOf(issue['keys'], isText)
  )
}

function cut(text: string): string {
  return text.length <= MOST_TEXT ? text : `${text.slice(0, MOST_TEXT - 1).toWellFormed()}…`
}
