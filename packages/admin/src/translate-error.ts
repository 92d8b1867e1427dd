import { LivetreeError, type LivetreeErrorCode } from '@livetree/core'
import { shellWord } from '@livetree/core/source'
import { EtcdError, type EtcdErrorCode } from '@livetree/etcd'
import type { EtcdStore } from 'livetree/operate'
import type { AdminErrorCode } from './error-codes.ts'
import { AdminError } from './errors.ts'

const FROM_ETCD: Partial<Record<EtcdErrorCode, AdminErrorCode>> = {
  permission_denied: 'permission_denied',
  unauthenticated: 'permission_denied',
  compacted: 'compacted',
  future_revision: 'not_found',
  deadline_exceeded: 'timeout',
  cancelled: 'aborted',
  closed: 'closed',
  request_too_large: 'too_large',
  outcome_unknown: 'outcome_unknown',
  cluster_changed: 'store_changed',
  invalid_option: 'invalid_options',
  connect_failed: 'store_unavailable',
  connection_lost: 'store_unavailable',
  unavailable: 'store_unavailable',
  no_leader: 'store_unavailable',
  tls_failed: 'store_unavailable',
  not_grpc: 'store_unavailable',
  discovery_failed: 'store_unavailable',
}

const FROM_CORE: Partial<Record<LivetreeErrorCode, AdminErrorCode>> = {
  invalid_options: 'invalid_options',
  invalid_path: 'invalid_path',
  invalid_value: 'invalid_value',
  unwritable_value: 'unwritable_value',
  source_unavailable: 'store_unavailable',
  keys_unavailable: 'keys_unavailable',
  timeout: 'timeout',
  aborted: 'aborted',
}

/** What a call does, for the message: `reading /config/checkout/`. */
export interface Doing {
  readonly what: string
  readonly needs?: Needs
}

/** The keys that a call needs, as etcd itself has them, each with what for. */
export type Needs = readonly Need[]
type Need = {
  readonly prefix: string
  readonly as: 'read' | 'readwrite'
  /** The prefix is a key, and what begins with it is not needed. */
  readonly isKey?: boolean
}

/** Ranges of the client's keys as etcd itself has them. */
export function needsIn(store: EtcdStore, needs: Needs): Needs {
  return needs.map((need) => ({ ...need, prefix: store.storeKey(need.prefix) }))
}

function grantOf({ prefix, as, isKey = false }: Need): string {
  return `etcdctl role grant-permission <role> ${isKey ? '' : '--prefix=true '}${as} ${shellWord(prefix)}`
}

/** Converts errors of the layers below; an `AdminError` stays as it is. */
export function translateError(error: unknown, doing?: Doing): AdminError {
  if (error instanceof AdminError) return error
  if (error instanceof EtcdError) return fromEtcd(error, doing)
  if (error instanceof LivetreeError) return fromCore(error)
  return new AdminError('internal', { what: `Unexpected: ${nameOf(error)}`, cause: error })
}

/** Runs a call and converts what it throws. */
export async function translated<R>(doing: Doing, run: () => R | Promise<R>): Promise<R> {
  try {
    return await run()
  } catch (error) {
    throw translateError(error, doing)
  }
}

/** As {@link translated}, of a call that returns at once. */
export function translatedNow<R>(run: () => R): R {
  try {
    return run()
  } catch (error) {
    throw translateError(error)
  }
}

function fromEtcd(error: EtcdError, doing: Doing | undefined): AdminError {
  const code = FROM_ETCD[error.code] ?? 'store_failed'
  const where = error.endpoint === undefined ? '' : ` (${error.endpoint})`
  const what = `${doing === undefined ? '' : `While ${doing.what}: `}${error.what}${where}`
  const commands = (doing?.needs ?? []).map(grantOf)
  const isRole = error.code === 'permission_denied' && commands.length > 0
  const remedy = isRole ? `The user's role needs: ${commands.join(' && ')}` : remedyOf(error, code)
  return new AdminError(code, { what, remedy, cause: error })
}

/** The code's own remedy where it says more than that of the client. */
function remedyOf(error: EtcdError, code: AdminErrorCode): string | undefined {
  return code === 'outcome_unknown' || code === 'too_large' || code === 'compacted' ? undefined : error.remedy
}

function fromCore(error: LivetreeError): AdminError {
  const code = FROM_CORE[error.code] ?? 'internal'
  const what = error.message.slice(error.message.indexOf('] ') + 2)
  return new AdminError(code, { what, remedy: '', cause: error, issues: error.issues })
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error
}
