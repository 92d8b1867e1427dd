import type { Clock, EtcdClient, EtcdError, Reflector, WatchEvent } from '@livetree/etcd'
import { monotonicNow } from '../clock.ts'
import { type Layout, servicePrefix } from '../record/layout.ts'
import type { Reports } from '../reports.ts'
import type { StoredRecord } from './endpoint.ts'
import type { Member } from './member.ts'
import { type MemberChange, MemberSet, type RecordChange } from './member-set.ts'
import type { ProtectionOptions } from './protection.ts'

/** What a `ServiceWatch` needs. */
export interface ServiceWatchOptions {
  readonly client: EtcdClient
  readonly service: string
  readonly layout: Layout
  readonly clock: Clock
  readonly reports: Reports
  readonly protection: ProtectionOptions
  readonly staleAfterMs: number
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
/** The longest key and value that are looked at. */
const MOST_VALUE_BYTES = 65_536

/** The members of one service, kept up to date from the store, with the last known good ones while it is away. */
export class ServiceWatch {
  readonly #options: ServiceWatchOptions
  readonly #handlers: ServiceWatchHandlers
  readonly #prefix: string
  readonly #set: MemberSet
  readonly #reflector: Reflector
  readonly #listed: Promise<void>
  #onListed: () => void = () => undefined
  #listing: StoredRecord[] = []
  #revision = 0
  #provenAt: number | undefined
  #lastError: EtcdError | undefined
  #provenMs = 0
  #state: 'live' | 'stale' = 'stale'
  #staleTimer: unknown
  #expiryTimer: unknown
  #isClosed = false

  constructor(options: ServiceWatchOptions, handlers: ServiceWatchHandlers) {
    this.#options = options
    this.#handlers = handlers
    this.#prefix = servicePrefix(options.layout, options.service)
    this.#set = new MemberSet(options.protection)
    this.#listed = new Promise((resolve) => {
      this.#onListed = resolve
    })
    const { client, staleAfterMs } = options
    this.#reflector = client.watch.reflect(
      { ranges: [{ prefix: this.#prefix }] },
      {
        onListing: () => {
          this.#listing = []
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

  close(): void {
    this.#isClosed = true
    this.#reflector.cancel()
    this.#options.clock.clearTimeout(this.#staleTimer)
    this.#options.clock.clearTimeout(this.#expiryTimer)
    this.#onListed()
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
      return { key, stored: type === 'put' ? this.#read(key, kv) : undefined }
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
    if (decoded.type === 'record') return { key, record: decoded.record, createRevision, modRevision, lease }
    this.#handlers.onRejected({ key, modRevision, problem: decoded.problem })
    return undefined
  }

  #take(change: MemberChange, revision: number): void {
    this.#revision = revision
    this.#handlers.onChange(change, revision)
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
