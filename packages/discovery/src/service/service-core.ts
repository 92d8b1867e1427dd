import { channel } from 'node:diagnostics_channel'
import type { Clock, EtcdClient } from '@livetree/etcd'
import { Balancer, type Verdict } from '../balance/balancer.ts'
import type { Policy } from '../balance/policy.ts'
import { monotonicNow } from '../clock.ts'
import { reasonOf } from '../errors.ts'
import type { Protocol } from '../record/endpoint-record.ts'
import type { Layout } from '../record/layout.ts'
import type { Reports } from '../reports.ts'
import type { Member } from '../view/member.ts'
import type { MemberChange } from '../view/member-set.ts'
import type { ProtectionOptions } from '../view/protection.ts'
import { type Rejection, ServiceWatch } from '../view/service-watch.ts'
import { pauseRunning } from '../wait.ts'
import { type CreatePool, EndpointPools, type TlsSettings } from './pools.ts'
import { deepFrozen } from '../deep-frozen.ts'

const CHANGED = channel('livetree.discovery:change')
const EJECTED = channel('livetree.discovery:eject')

/** What all services of a discovery share. */
export interface ServiceContext {
  readonly client: EtcdClient
  readonly layout: Layout
  readonly clock: Clock
  readonly reports: Reports
  readonly protection: ProtectionOptions
  readonly staleAfterMs: number
  readonly startupTimeoutMs: number
  readonly snapshotDirectory: string | undefined
  readonly idleMs: number
  readonly createPool: CreatePool | undefined
  readonly tls: TlsSettings | undefined
  readonly random: () => number
  /** Differs between processes. */
  readonly seed: number
}

/** Receives what happens to a service. Must not throw. */
export interface ServiceListener {
  onChange(change: MemberChange, revision: number): void
  onState(state: 'live' | 'stale'): void
  onRejected(rejection: Rejection): void
}

/** At most this number of rejected versions of records are remembered, to be reported once. */
const MOST_REJECTIONS = 10_000

/**
 * One service in this process: its members, what is known of them, and the connections to them. All views and dispatchers
 * share it; it is closed when nobody has used it for a while.
 */
export class ServiceCore {
  readonly service: string
  readonly watch: ServiceWatch
  readonly balancer: Balancer<Member>
  readonly pools: EndpointPools
  /** The protocol of members whose record names none. */
  fallbackProtocol: Protocol
  readonly #context: ServiceContext
  readonly #listeners = new Set<ServiceListener>()
  readonly #waiting = new Set<() => void>()
  readonly #reported = new Set<string>()
  readonly #onIdle: () => void
  #users = 0
  #usedAt = 0
  #idleTimer: unknown
  #closing: Promise<void> | undefined

  constructor(context: ServiceContext, service: string, protocol: Protocol, onIdle: () => void) {
    this.service = service
    this.#context = context
    this.fallbackProtocol = protocol
    this.#onIdle = onIdle
    const { createPool, tls, clock, reports, random, seed } = context
    this.balancer = new Balancer({ random, seed })
    this.pools = new EndpointPools({ service, createPool, tls, clock, reports })
    this.watch = new ServiceWatch(
      { ...context, service },
      {
        onChange: (change, revision) => this.#take(change, revision),
        onState: (state) => {
          for (const listener of this.#listeners) listener.onState(state)
        },
        onRejected: (rejection) => {
          this.report(rejection)
          for (const listener of this.#listeners) listener.onRejected(rejection)
        },
      },
    )
  }

  get isClosed(): boolean {
    return this.#closing !== undefined
  }

  get isUsed(): boolean {
    return this.#users > 0
  }

  now(): number {
    return monotonicNow(this.#context.clock)
  }

  wallNow(): number {
    return this.#context.clock.now()
  }

  protocolOf(member: Member): Protocol {
    return member.stored.record.protocol ?? this.fallbackProtocol
  }

  /** Somebody uses the service until the returned function is called, which is done once. */
  use(listener?: ServiceListener): () => void {
    this.#users += 1
    if (listener !== undefined) this.#listeners.add(listener)
    return () => {
      if (listener !== undefined) this.#listeners.delete(listener)
      this.#users -= 1
      this.#usedAt = this.now()
      if (this.#users === 0 && this.#idleTimer === undefined) this.#closeWhenIdle(this.#context.idleMs)
    }
  }

  /** One timer watches for the end of all use, since each request is a use. */
  #closeWhenIdle(afterMs: number): void {
    if (this.isClosed) return
    this.#idleTimer = this.#context.clock.setTimeout(() => {
      this.#idleTimer = undefined
      const leftMs = this.#context.idleMs - (this.now() - this.#usedAt)
      if (this.#users > 0) return
      if (leftMs > 0) this.#closeWhenIdle(leftMs)
      else this.#onIdle()
    }, afterMs)
  }

  judge(member: Member, policy: Policy, verdict: Verdict): void {
    if (!this.balancer.judge(member, policy, verdict, this.now())) return
    const { address, id } = member
    const { reports } = this.#context
    reports.info(`${id} of ${this.service} at ${address} is set aside, because its requests fail`)
    if (EJECTED.hasSubscribers) EJECTED.publish(deepFrozen({ service: this.service, id, address }))
  }

  /** Resolves after the next change, the time, the end of the service, or the signal. */
  async changed(timeoutMs: number, signal: AbortSignal): Promise<void> {
    const stop = new AbortController()
    const resolve = () => stop.abort()
    this.#waiting.add(resolve)
    signal.addEventListener('abort', resolve)
    if (signal.aborted) resolve()
    await pauseRunning(this.#context.clock, timeoutMs, stop.signal)
    this.#waiting.delete(resolve)
    signal.removeEventListener('abort', resolve)
  }

  /** What is known of a service that has no endpoint to offer. */
  explain(): string {
    const { members, provenAt, state, lastError } = this.watch
    const reason = lastError === undefined ? '' : ` (${reasonOf(lastError)})`
    if (provenAt === undefined) return `${this.service} could not be read from etcd yet${reason}`
    const away = state === 'stale' ? `, and etcd is away${reason}` : ''
    const { prefix } = this.#context.layout
    if (members.size === 0) return `no instance is registered below ${prefix}${this.service}/${away}`
    return `none of the ${members.size} known instances may be used${away}`
  }

  /** Ends the watch and closes the connections once their requests have ended. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#context.clock.clearTimeout(this.#idleTimer)
    const closing = this.watch.close()
    this.#wakeAll()
    await Promise.all([closing, this.pools.close()])
  }

  #take(change: MemberChange, revision: number): void {
    const { added, removed, changed } = change
    // Out of the choice first: no request may meet a pool that is being closed.
    this.balancer.setTargets([...this.watch.members.values()])
    for (const member of removed) this.pools.retire(member)
    for (const listener of this.#listeners) listener.onChange(change, revision)
    if (added.length + removed.length + changed.length === 0) return
    if (CHANGED.hasSubscribers) {
      const ids = (members: readonly Member[]) => members.map(({ id }) => id)
      const all = { added: ids(added), removed: ids(removed), changed: ids(changed) }
      CHANGED.publish(deepFrozen({ service: this.service, revision, ...all }))
    }
    this.#wakeAll()
  }

  /** Tells an operator about a record that was left out, once for each version of it and each reason. */
  report({ key, modRevision, problem }: Rejection): void {
    const version = `${modRevision} ${key} ${problem}`
    if (this.#reported.has(version)) return
    if (this.#reported.size >= MOST_REJECTIONS) this.#reported.clear()
    this.#reported.add(version)
    this.#context.reports.warn(`The record ${key} is left out: ${problem}`)
  }

  #wakeAll(): void {
    for (const resolve of [...this.#waiting]) resolve()
  }
}
