import type { Clock, EtcdClient, EtcdError, Reflector, WatchEvent } from '@livetree/etcd'
import { monotonicNow } from '../clock.ts'
import { type Layout, servicePrefix } from '../record/layout.ts'
import type { Reports } from '../reports.ts'
import type { StoredRecord } from './endpoint.ts'
import type { Member } from './member.ts'
import { type MemberChange, MemberSet, type RecordChange } from './member-set.ts'
import type { ProtectionOptions } from './protection.ts'
import { ViewSnapshot } from './view-snapshot.ts'
import { deepFrozen } from '../deep-frozen.ts'

/** What a `ServiceWatch` needs. */
export interface ServiceWatchOptions {
  readonly client: EtcdClient
  readonly service: string
  readonly layout: Layout
  readonly clock: Clock
  readonly reports: Reports
  readonly protection: ProtectionOptions
  readonly staleAfterMs: number
  /** How long the first list may take before the snapshot is used. */
  readonly startupTimeoutMs: number
  /** A folder for snapshots of the endpoints. */
  readonly snapshotDirectory: string | undefined
}

/** Callbacks of a `ServiceWatch`. They must not throw. */
export interface ServiceWatchHandlers {
  /** The members are those of this revision from here on. `change` may be empty. */
  onChange(change: MemberChange, revision: number): void
  onState(state: 'live' | 'stale'): void
  /** A record was left out. Called once for each version of it. */
  onRejected(rejection: Rejection): void
}

/** A record that was left out. */
export interface Rejection {
  readonly key: string
  readonly modRevision: number
  readonly problem: string
}

/** How soon a list that etcd refuses is tried again: nobody wants a service blind for longer. */
const FINAL_REST_MS = 3_000
/** At most this number of records that cannot be read are remembered. */
const MOST_REJECTIONS = 10_000
/** The longest key and value that are looked at. */
const MOST_VALUE_BYTES = 65_536

/** The members of one service, kept up to date from the store, with the last known good ones while it is away. */
export class ServiceWatch {
  readonly #options: ServiceWatchOptions
  readonly #handlers: ServiceWatchHandlers
  readonly #prefix: string
  readonly #set: MemberSet
  readonly #reflector: Reflector
  readonly #snapshot: ViewSnapshot | undefined
  readonly #listed: Promise<void>
  #onListed: () => void = () => undefined
  #listing: StoredRecord[] = []
  /** Records that cannot be read, by key. */
  #rejections = new Map<string, Rejection>()
  /** While a list is being received: those before it. */
  #rejectedBefore: ReadonlyMap<string, Rejection> = new Map()
  #revision = 0
  #provenAt: number | undefined
  #lastError: EtcdError | undefined
  #provenMs = 0
  #state: 'live' | 'stale' = 'stale'
  #staleTimer: unknown
  #expiryTimer: unknown
  #snapshotTimer: unknown
  #needsSnapshot: boolean
  #isClosed = false

  constructor(options: ServiceWatchOptions, handlers: ServiceWatchHandlers) {
    this.#options = options
    this.#handlers = handlers
    this.#prefix = servicePrefix(options.layout, options.service)
    this.#set = new MemberSet(options.protection)
    this.#listed = new Promise((resolve) => {
      this.#onListed = resolve
    })
    const { clock, snapshotDirectory: directory, startupTimeoutMs } = options
    this.#needsSnapshot = directory !== undefined
    if (directory !== undefined) {
      this.#snapshot = new ViewSnapshot({ ...options, directory, prefix: this.#prefix })
      this.#snapshotTimer = clock.setTimeout(() => void this.#useSnapshot(), startupTimeoutMs)
    }
    const { client, staleAfterMs } = options
    this.#reflector = client.watch.reflect(
      { ranges: [{ prefix: this.#prefix }] },
      {
        onListing: () => {
          this.#listing = []
          this.#rejectedBefore = this.#rejections
          this.#rejections = new Map()
        },
        onPage: (_, page) => {
          for (const kv of page.entries()) {
            const stored = this.#read(kv.key.toString(), kv)
            if (stored !== undefined) this.#listing.push(stored)
          }
        },
        onList: ({ revision, provenAt }) => {
          const listed = this.#listing
          this.#listing = []
          this.#rejectedBefore = new Map()
          this.#needsSnapshot = false
          this.#prove(provenAt)
          this.#take(this.#set.replace(listed, this.#now()), revision)
          this.#onListed()
        },
        onBatch: ({ revision, events }) => {
          this.#prove(options.clock.now())
          this.#take(this.#set.apply(this.#changesOf(events), this.#now()), revision)
        },
        onProgress: ({ at }) => this.#prove(at),
        onLost: (error, isFinal) => {
          if (error !== undefined) this.#lose(error, isFinal)
          void this.#useSnapshot()
        },
        // With an error, the client was closed: nothing proves the view any more.
        onEnd: (error) => {
          if (error === undefined) return
          this.#lose(error)
          options.clock.clearTimeout(this.#staleTimer)
          if (this.#state === 'live') this.#become('stale')
        },
      },
      {
        proofEveryMs: Math.max(50, Math.min(3_600_000, Math.floor(staleAfterMs / 3))),
        finalRestMs: FINAL_REST_MS,
      },
    )
  }

  get members(): ReadonlyMap<string, Member> {
    return this.#set.members
  }

  get revision(): number {
    return this.#revision
  }

  /** The records that are left out because they cannot be read. */
  get rejections(): Iterable<Rejection> {
    return this.#rejections.values()
  }

  get state(): 'live' | 'stale' {
    return this.#state
  }

  /** When the store last proved that nothing is missing, in ms since the epoch; undefined before the first list. */
  get provenAt(): number | undefined {
    return this.#provenAt
  }

  get staleForMs(): number {
    return this.#state === 'live' ? 0 : this.#now() - this.#provenMs
  }

  /** Why etcd could not be reached lately; undefined while it is. */
  get lastError(): EtcdError | undefined {
    return this.#lastError
  }

  /** Resolves with the first list; never rejects. */
  get listed(): Promise<void> {
    return this.#listed
  }

  /** Resolves once everything the store held at the time of the call was applied. Rejects as a reflector does. */
  refresh(signal: AbortSignal): Promise<void> {
    return this.#reflector.refresh({ signal })
  }

  /** A connection to a member has failed: one that the store has forgotten is dropped. */
  noteUnreachable(member: Member): void {
    if (!this.#set.drop(member)) return
    this.#handlers.onChange({ added: [], removed: [member], changed: [] }, this.#revision)
  }

  /** Resolves once nothing is left to be written to disk. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#reflector.cancel()
    this.#options.clock.clearTimeout(this.#snapshotTimer)
    this.#options.clock.clearTimeout(this.#staleTimer)
    this.#options.clock.clearTimeout(this.#expiryTimer)
    this.#onListed()
    await this.#snapshot?.close()
  }

  /** Until the store can be listed for the first time, the endpoints of the last process are better than none. */
  async #useSnapshot(): Promise<void> {
    if (!this.#needsSnapshot) return
    this.#needsSnapshot = false
    const records = (await this.#snapshot?.load()) ?? []
    if (this.#revision > 0 || this.#isClosed || records.length === 0) return
    const { reports, service } = this.#options
    reports.warn(`etcd is away; the ${records.length} endpoints of ${service} are those of a snapshot`)
    const changes = records.map((stored) => ({ key: stored.key, stored }))
    this.#handlers.onChange(this.#set.apply(changes, this.#now()), 0)
  }

  #saveSnapshot(): void {
    const confirmed = () => [...this.#set.members.values()].filter(({ isUnconfirmed }) => !isUnconfirmed)
    this.#snapshot?.save(() => confirmed().map(({ stored }) => stored))
  }

  #lose(error: EtcdError, isFinal = false): void {
    const { reports, service } = this.#options
    this.#lastError = error
    if (isFinal) reports.warn(`etcd refuses to list ${this.#prefix}, so ${service} stays as it is`, { error })
    else reports.info(`etcd is away; ${service} stays as it is`, { error })
  }

  #changesOf(events: readonly WatchEvent[]): RecordChange[] {
    return events.map(({ type, kv }) => {
      const key = kv.key.toString()
      if (type === 'put') return { key, stored: this.#read(key, kv) }
      this.#rejections.delete(key)
      return { key, stored: undefined }
    })
  }

  /** The record of an entry; undefined for a key of another service below this one and for an invalid value. */
  #read(key: string, kv: WatchEvent['kv']): StoredRecord | undefined {
    const name = key.slice(this.#prefix.length)
    if (name === '' || name.includes('/')) return undefined
    const { createRevision, modRevision, lease, value } = kv
    const isTooLong = value.length > MOST_VALUE_BYTES
    const decoded = isTooLong
      ? ({ type: 'invalid', problem: `the value has ${value.length} bytes` } as const)
      : this.#options.layout.decode(name, value.toString())
    if (decoded.type === 'record') {
      this.#rejections.delete(key)
      return { key, record: decoded.record, createRevision, modRevision, lease }
    }
    this.#reject(deepFrozen({ key, modRevision, problem: decoded.problem }))
    return undefined
  }

  #reject(rejection: Rejection): void {
    const { key, modRevision } = rejection
    const before = this.#rejections.get(key) ?? this.#rejectedBefore.get(key)
    if (this.#rejections.size < MOST_REJECTIONS) this.#rejections.set(key, rejection)
    if (before?.modRevision !== modRevision) this.#handlers.onRejected(rejection)
  }

  #take(change: MemberChange, revision: number): void {
    this.#revision = revision
    this.#handlers.onChange(change, revision)
    const { added, removed, changed } = change
    if (added.length + removed.length + changed.length > 0) this.#saveSnapshot()
    this.#expireLater()
  }

  #prove(at: number): void {
    const { clock, staleAfterMs } = this.#options
    this.#lastError = undefined
    this.#provenAt = at
    this.#provenMs = this.#now()
    clock.clearTimeout(this.#staleTimer)
    this.#staleTimer = clock.setTimeout(() => this.#become('stale'), staleAfterMs)
    if (this.#state === 'live') return
    this.#set.restartConfirmation(this.#now())
    this.#become('live')
    this.#expireLater()
  }

  #become(state: 'live' | 'stale'): void {
    this.#state = state
    this.#handlers.onState(state)
  }

  /** While the view is stale, nothing is removed; the time begins again when it is live. */
  #expireLater(): void {
    const { clock } = this.#options
    clock.clearTimeout(this.#expiryTimer)
    const next = this.#set.nextExpiry
    if (next === undefined || this.#isClosed) return
    this.#expiryTimer = clock.setTimeout(
      () => {
        if (this.#state === 'stale') return
        const removed = this.#set.expire(this.#now())
        if (removed.length > 0) this.#handlers.onChange({ added: [], removed, changed: [] }, this.#revision)
        this.#expireLater()
      },
      Math.max(1, next - this.#now()),
    )
  }

  #now(): number {
    return monotonicNow(this.#options.clock)
  }
}
