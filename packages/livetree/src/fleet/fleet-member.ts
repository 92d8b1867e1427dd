import type { LiveConfig } from '@livetree/core'
import type { Clock, Logger } from '@livetree/core/source'
import { compare, type EtcdClient, type EtcdError, type Lease, op } from '@livetree/etcd'
import type { ClientLease } from './client-lease.ts'
import {
  type InstanceIdentity,
  type InstanceRecord,
  type InstanceVerdict,
  shownIssues,
  shownPaths,
} from './instance-record.ts'
import type { ProposalJudge } from './proposal-judge.ts'
import { PROPOSAL_VERSION } from './proposal.ts'
import { countInstances } from './count-instances.ts'
import { CALL, type OperationsKeys } from './operations.ts'
import { PUBLISH_AGAIN_MS, PUBLISH_RETRY_MS, publishSchema, type PublishedSchema } from './publish-schema.ts'
import { Rest } from './rest.ts'
import { randomly, retryMs, spreadFor } from './schedule.ts'

/** How an instance stands with the store. */
export interface FleetMemberStatus {
  /** `joining`: it is not in the store, or may not be any more, and tries. */
  readonly state: 'joining' | 'joined' | 'left'
  /** The record that was written last; undefined before. */
  readonly written: InstanceRecord | undefined
  /** Why the last attempt failed; undefined when it did not. The configuration is not affected. */
  readonly lastError: Error | undefined
}

/** An instance that has joined the fleet, as `joinFleet` returns it. `await using` leaves at the end of the block. */
export interface FleetMember extends AsyncDisposable {
  /** Tells instances of one configuration apart. */
  readonly id: string
  /** Where the instance's record stands in the store. */
  readonly key: string
  readonly status: FleetMemberStatus
  /** Deletes the record, within 5 seconds. Closing the configuration does it too. Never rejects. */
  leave(): Promise<void>
}

/** What a member is made of. */
export interface MemberParts {
  readonly config: LiveConfig<unknown>
  /** The source whose position is reported; undefined: that of the configuration. */
  readonly source: string | undefined
  /** See `InstanceVerdict.applied`. */
  servedRevision(): number
  readonly identity: InstanceIdentity
  /** Undefined where it cannot be published. */
  readonly schema: PublishedSchema | undefined
  readonly keys: OperationsKeys
  readonly client: EtcdClient
  readonly lease: ClientLease
  /** Undefined where proposals cannot be judged. */
  readonly judge: ProposalJudge | undefined
  /** The client is needed no more. */
  release(): Promise<void>
  /** See `JoinFleetOptions.spreadMs`. */
  readonly spreadMs: number | undefined
  readonly clock: Clock
  readonly logger: Logger
}

/** How long leaving may take, in milliseconds. */
const LEAVE_MS = 5_000

/** Writes the record of an instance, when it joins and when its verdict changes. Does it in the background, one write at a time. */
export class Member implements FleetMember {
  readonly id: string
  readonly key: string
  readonly #parts: MemberParts
  #lease: Lease | undefined = undefined
  #written: { readonly record: InstanceRecord; readonly text: string } | undefined = undefined
  #writtenAt = 0
  #instances: number | undefined = undefined
  /** When the newest tree was judged. */
  #judgedAt: number
  #isStale = true
  #failures = 0
  #lastError: Error | undefined = undefined
  /** What is planned; `isIdle`: only to publish the schema again, so that anything else comes first. */
  #planned: { readonly timer: unknown; readonly isIdle: boolean } | undefined = undefined
  /** Between two times that the schema is published. */
  readonly #published: Rest
  #attempt: Promise<void> | undefined = undefined
  readonly #firstAttempt = Promise.withResolvers<void>()
  readonly #stop = new AbortController()
  #leaving: Promise<void> | undefined = undefined

  constructor(parts: MemberParts) {
    const { identity, keys, lease, clock } = parts
    this.#parts = parts
    this.#published = new Rest(clock)
    this.id = identity.id
    this.key = keys.instance(identity.name, identity.id)
    this.#judgedAt = clock.now()
    lease.use()
  }

  get status(): FleetMemberStatus {
    const isJoined = this.#lease?.isLost === false && this.#written !== undefined
    const state = this.#leaving !== undefined ? 'left' : isJoined ? 'joined' : 'joining'
    return Object.freeze({ state, written: this.#written?.record, lastError: this.#lastError })
  }

  /** Joins. Resolves when the first attempt has settled. */
  async start(): Promise<void> {
    const { client, keys, judge } = this.#parts
    const [instances] = await Promise.all([countInstances(client, keys), judge?.start(this)])
    this.#instances = instances
    // a few may come at once
    this.#plan(randomly(this.#parts.spreadMs ?? spreadFor(this.#instances) - spreadFor(0)))
    await this.#firstAttempt.promise
  }

  /** An update was judged: the record may be another one now. Returns at once. */
  judged(): void {
    this.#judgedAt = this.#parts.clock.now()
    this.#isStale = true
    this.#planNext()
  }

  /** Proposals can be judged now, or no more. Returns at once. */
  ableChanged(): void {
    if (this.#written === undefined) return
    this.#isStale = true
    this.#planNext()
  }

  leave(): Promise<void> {
    this.#leaving ??= this.#leave()
    return this.#leaving
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.leave()
  }

  /** The time that the writes of all instances are spread over. */
  get spreadMs(): number {
    return this.#parts.spreadMs ?? spreadFor(this.#instances)
  }

  /** Not before the time that writes are spread over has passed since the last one; at random where it has. */
  #planNext(): void {
    const spreadMs = this.spreadMs
    const sinceMs = this.#parts.clock.now() - this.#writtenAt
    // a clock that was set back says nothing
    const restMs = sinceMs < 0 ? spreadMs : spreadMs - sinceMs
    this.#plan(restMs > 0 ? restMs : randomly(spreadMs))
  }

  /** One attempt is planned, or under way, at a time; what comes meanwhile is in it, or in the next. */
  #plan(ms: number, isIdle = false): void {
    if (this.#planned?.isIdle === true) this.#cancelPlan()
    if (this.#planned !== undefined || this.#attempt !== undefined || this.#stop.signal.aborted) return
    const timer = this.#parts.clock.setTimeout(() => {
      this.#planned = undefined
      this.#attempt = this.#run().finally(() => {
        this.#attempt = undefined
        this.#firstAttempt.resolve()
        this.#planAfter()
      })
    }, ms)
    this.#planned = { timer, isIdle }
  }

  #planAfter(): void {
    if (this.#failures > 0) this.#plan(retryMs(this.#failures, Math.random))
    else if (this.#isStale) this.#planNext()
    else this.#plan(this.#published.leftMs() + randomly(PUBLISH_RETRY_MS), true)
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    this.#isStale = false
    try {
      await this.#write()
      this.#failures = 0
      this.#lastError = undefined
    } catch (cause) {
      this.#isStale = true
      this.#failures++
      this.#noteFailure(cause)
    }
  }

  async #write(): Promise<void> {
    const { client, lease: leases, keys, clock } = this.#parts
    const lease = await leases.held()
    if (this.#stop.signal.aborted) return
    const isNew = lease !== this.#lease
    if (isNew) this.#follow(lease)
    await this.#publish()
    const verdict = {
      ...(this.#parts.judge?.isAble === true && { judgesProposals: PROPOSAL_VERSION }),
      ...this.#verdict(),
    }
    const text = JSON.stringify(verdict)
    if (!isNew && this.#written?.text === text) return
    const record: InstanceRecord = { version: 1, ...this.#parts.identity, ...verdict, at: this.#judgedAt }
    await client.kv.put(this.key, JSON.stringify(record), { lease: lease.id, ...CALL })
    this.#written = { record, text }
    this.#writtenAt = clock.now()
    this.#instances = await countInstances(client, keys)
  }

  /** Joins again when the lease is lost: with the others of this client, at another time than those of other processes. */
  #follow(lease: Lease): void {
    this.#lease = lease
    this.#written = undefined
    this.#published.end()
    const onLost = () => {
      this.#isStale = true
      this.#plan(randomly(this.spreadMs))
    }
    lease.lost.addEventListener('abort', onLost, { once: true, signal: this.#stop.signal })
  }

  /** A schema that cannot be published keeps no instance away. */
  async #publish(): Promise<void> {
    const { client, keys, schema, logger } = this.#parts
    if (schema === undefined || this.#published.leftMs() > 0) return
    try {
      await publishSchema(client, keys, schema)
      this.#published.begin(PUBLISH_AGAIN_MS)
    } catch (error) {
      this.#published.begin(PUBLISH_RETRY_MS)
      logger.info('The schema of this instance could not be published for the fleet', {
        key: keys.schema(schema.fingerprint),
        error,
      })
    }
  }

  #verdict(): InstanceVerdict {
    const { config, source } = this.#parts
    const { rejected, revision, epoch, state, servedFrom, sources, needsRestart } = config.status
    const own = sources.find(({ name }) => name === source)
    const place = {
      revision: own?.revision ?? revision,
      applied: this.#parts.servedRevision(),
      epoch: own?.epoch ?? epoch,
      state,
      servedFrom,
      ...shownPaths(needsRestart),
    }
    if (rejected === undefined) return { verdict: 'applied', ...place }
    return { verdict: 'rejected', ...place, ...shownIssues(rejected.issues) }
  }

  #noteFailure(cause: unknown): void {
    const error = cause instanceof Error ? cause : new Error(String(cause))
    const isNews =
      (this.#lastError as Partial<EtcdError> | undefined)?.code !== (error as Partial<EtcdError>).code
    this.#lastError = error
    if (isNews)
      this.#parts.logger.warn(
        'This instance could not tell the fleet how it is; the configuration is not affected',
        { key: this.key, error },
      )
  }

  #cancelPlan(): void {
    this.#parts.clock.clearTimeout(this.#planned?.timer)
    this.#planned = undefined
  }

  async #leave(): Promise<void> {
    const { clock, release } = this.#parts
    this.#stop.abort()
    this.#cancelPlan()
    this.#firstAttempt.resolve()
    const late = Promise.withResolvers<void>()
    const timer = clock.setTimeout(late.resolve, LEAVE_MS)
    await Promise.race([this.#remove(), late.promise])
    clock.clearTimeout(timer)
    await release()
  }

  /** Never rejects: what is not deleted goes with the lease. */
  async #remove(): Promise<void> {
    const { client, lease: leases, judge } = this.#parts
    await judge?.stop()
    // a write that is under way would come after the deletion
    await this.#attempt
    const lease = this.#lease
    try {
      if (lease?.isLost === false) {
        const isOurs = compare.lease(this.key, '=', lease.id)
        await client.kv.txn().if(isOurs).then(op.delete(this.key)).commit(CALL)
      }
    } catch {
      // the lease ends it
    }
    await leases.release()
  }
}
