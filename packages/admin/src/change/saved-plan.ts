import { optionKinds } from '@livetree/core/source'
import type { StoreEntry } from 'livetree/operate'
import { createHash } from 'node:crypto'
import { AdminError } from '../errors.ts'
import { placeOf } from '../tree/key-place.ts'
import type { Workspace } from '../workspace.ts'
import type { Draft } from './draft.ts'
import type { WorkedOut } from './work-out.ts'

/** One key of a saved plan. */
export interface SavedChange {
  readonly key: string
  /** The revision that had written the key when it was planned; 0: there was none. */
  readonly revision: number
  /**
   * The SHA-256 hash of the bytes that it held then, as hex: a store that was restored from a backup gives its revisions a second
   * time. Absent for a text that may be secret, where there was no key, and in plans of earlier versions.
   */
  readonly sha256?: string
  /** The text to write; null: the key goes. */
  readonly text: string | null
}

/** A plan as JSON: applied later, it is refused if one of its keys has moved. */
export interface SavedPlan {
  readonly version: 1
  /** The name of the definition. */
  readonly name: string
  /** The id of the cluster that it was planned on, in hexadecimal digits; 0: the store did not tell it. */
  readonly cluster: string
  /** The namespace of the client, its bytes as hexadecimal digits. Absent: it is not checked. */
  readonly namespace?: string
  /** The revision that it was planned at. */
  readonly revision: number
  readonly kind: Draft['kind']
  readonly to?: number
  readonly changes: readonly SavedChange[]
  /** Keys that the change would write with the text that they have: they must not move either. */
  readonly unchanged: readonly Omit<SavedChange, 'text'>[]
}

/** @throws AdminError `secret_text` */
export function savedPlan(workspace: Workspace, draft: Draft<unknown>, worked: WorkedOut): SavedPlan {
  const { settings } = workspace
  const secret = worked.changes.find(({ key }) => worked.hidden.has(key))
  if (secret !== undefined)
    throw new AdminError('secret_text', {
      what: `The plan cannot be saved: "${secret.pathText}" may be secret, and a saved plan holds texts`,
      remedy: 'Apply it at once, or make a plan without it.',
    })
  const { entries, revision, clusterId } = worked.state.reading
  const namespace = namespaceOf(settings)
  const pinOf = (key: string) => {
    const entry = entries.get(key)
    return {
      key,
      revision: entry?.modRevision ?? 0,
      ...(entry !== undefined && !placeOf(workspace, key).isHidden && { sha256: hashOf(entry) }),
    }
  }
  return {
    version: 1,
    name: settings.definition.name,
    cluster: clusterId.toString(16),
    namespace,
    revision,
    kind: draft.kind,
    ...(draft.to !== undefined && { to: draft.to }),
    changes: [...worked.edits].map(([key, text]) => ({ ...pinOf(key), text: text ?? null })),
    unchanged: [...worked.touched].filter((key) => !worked.edits.has(key)).map(pinOf),
  }
}

/**
 * The draft of a saved plan.
 *
 * @throws AdminError `unreadable` for anything else, or a plan for another definition, namespace or other layers, or with a key twice
 */
export function draftOf(workspace: Workspace, saved: unknown): Draft {
  if (!isSavedPlan(saved))
    throw unreadable('This is not a saved plan, or one of a version that is not known here')
  const { definition, store } = workspace.settings
  if (saved.name !== definition.name)
    throw unreadable(`The plan is for "${saved.name}", and this is "${definition.name}"`)
  const namespace = namespaceOf(workspace.settings)
  if (saved.namespace !== undefined && saved.namespace !== namespace)
    throw unreadable(
      `The plan is for the namespace ${shownNamespace(saved.namespace)}, and this client has ${shownNamespace(namespace)}`,
    )
  const pinned = [...saved.changes, ...saved.unchanged]
  const foreign = pinned.find(({ key }) => !isOwn(store, key))
  if (foreign !== undefined) throw unreadable(`The key ${foreign.key} of the plan belongs to no layer here`)
  const pins = new Map(pinned.map(({ key, revision }) => [key, revision]))
  if (pins.size < pinned.length) throw unreadable('The plan names a key twice')
  return {
    kind: saved.kind,
    ...(saved.to !== undefined && { to: saved.to }),
    plannedAt: saved.revision,
    plannedOn: BigInt(`0x${saved.cluster}`),
    steps: saved.changes.map(({ key, text }) => ({
      type: 'key',
      key,
      text: text ?? undefined,
      keeps: 'envelopes',
    })),
    pins,
    hashes: new Map(
      pinned.flatMap(({ key, sha256 }) => (sha256 === undefined ? [] : [[key, sha256] as const])),
    ),
  }
}

/** The SHA-256 hash of what a key holds, as hex. */
export function hashOf({ value }: Pick<StoreEntry, 'value'>): string {
  return createHash('sha256').update(value).digest('hex')
}

function namespaceOf({ store }: Workspace['settings']): string {
  return store.namespace.toString('hex')
}

function shownNamespace(hex: string): string {
  return hex === '' ? 'none' : JSON.stringify(Buffer.from(hex, 'hex').toString())
}

function isOwn(store: Workspace['settings']['store'], key: string): boolean {
  const isBelow = store.prefixes.some((prefix) => key.startsWith(prefix)) && !store.isReserved(key)
  return isBelow || store.documentKeys.includes(key)
}

function isSavedPlan(saved: unknown): saved is SavedPlan {
  if (!optionKinds.isObject(saved) || saved['version'] !== 1 || typeof saved['name'] !== 'string')
    return false
  const { kind, to, cluster, namespace, changes, unchanged } = saved
  const isKnown = kind === 'change' || kind === 'rollback' || kind === 'import'
  const isNumbered = (to === undefined || isRevision(to)) && isRevision(saved['revision'])
  const isBound =
    typeof cluster === 'string' &&
    /^[0-9a-f]{1,16}$/.test(cluster) &&
    (namespace === undefined || (typeof namespace === 'string' && /^(?:[0-9a-f]{2})*$/.test(namespace)))
  const isListed = Array.isArray(changes) && changes.every(isSavedChange)
  return isKnown && isNumbered && isBound && isListed && Array.isArray(unchanged) && unchanged.every(isPin)
}

function isRevision(revision: unknown): boolean {
  return Number.isSafeInteger(revision) && (revision as number) >= 0
}

function isPin(pin: unknown): pin is Readonly<Record<string, unknown>> {
  if (!optionKinds.isObject(pin) || typeof pin['key'] !== 'string') return false
  const { sha256 } = pin
  return isRevision(pin['revision']) && (sha256 === undefined || typeof sha256 === 'string')
}

function isSavedChange(change: unknown): boolean {
  return isPin(change) && (typeof change['text'] === 'string' || change['text'] === null)
}

function unreadable(what: string): AdminError {
  return new AdminError('unreadable', { what, remedy: 'Plan it again.' })
}
