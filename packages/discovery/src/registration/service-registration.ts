import { isFinalError } from '@livetree/etcd'
import { monotonicNow } from '../clock.ts'
import { type ServiceDefinition, storableMetadata } from '../define-service.ts'
import { DiscoveryError } from '../errors.ts'
import { Listeners } from '../listeners.ts'
import type { EndpointRecord } from '../record/endpoint-record.ts'
import { encodeGoRecord } from '../record/go-record.ts'
import { cancelled, pauseRunning, within } from '../wait.ts'
import { HealthCheck } from './health-check.ts'
import { KeyKeeper } from './key-keeper.ts'
import type { RegistrationContext } from './registration-context.ts'
import type { Registration, RegistrationEvents, RegistrationState } from './registration-contract.ts'
import {
  readCallOptions,
  readChange,
  readShutdownOptions,
  type RegisterOptions,
  type RegistrationCallOptions,
  type RegistrationChange,
  type ShutdownOptions,
} from './registration-options.ts'
import type { ServerDrain } from './server-drain.ts'

const DEFAULT_TIMEOUT_MS = 10_000
const DEREGISTER_MS = 5_000

/** A registered instance; see `Registration` for the contract. */
export class ServiceRegistration implements Registration {
  readonly #context: RegistrationContext
  readonly #definition: ServiceDefinition
  readonly #options: RegisterOptions
  readonly #drain: ServerDrain | undefined
  readonly #listeners: Listeners<{ state: RegistrationState }>
  readonly #keeper: KeyKeeper
  readonly #pausedBy = new Set<'user' | 'check'>()
  #record: EndpointRecord
  #check: HealthCheck | undefined
  #state: RegistrationState = 'waiting'
  #isEnding = false
  #deregistering: Promise<void> | undefined
  #shutdown: Promise<void> | undefined

  constructor(
    context: RegistrationContext,
    definition: ServiceDefinition,
    options: RegisterOptions,
    record: EndpointRecord,
    drain: ServerDrain | undefined,
  ) {
    this.#context = context
    this.#definition = definition
    this.#options = options
    this.#record = record
    this.#drain = drain
    const { client, clock, reports } = context
    this.#listeners = new Listeners((error) =>
      reports.warn('A listener of a registration has failed', { error }),
    )
    const { ttlSeconds = 15 } = options
    this.#keeper = new KeyKeeper({
      client,
      key: this.key,
      ttlSeconds,
      clock,
      reports,
      onState: () => this.#follow(),
    })
  }

  get id(): string {
    return this.#record.id
  }

  get key(): string {
    return this.#context.keyOf(this.#definition.name, this.#record.id)
  }

  get address(): string {
    return this.#record.address
  }

  get state(): RegistrationState {
    return this.#state
  }

  /** The first registration; see `register`. */
  async begin(signal: AbortSignal): Promise<void> {
    const {
      timeoutMs = DEFAULT_TIMEOUT_MS,
      onUnavailable = 'fail',
      check,
      checkMs = 5_000,
      failures = 3,
    } = this.#options
    this.#publish()
    const isThere = await this.#settled(timeoutMs, signal)
    if (!isThere && (signal.aborted || onUnavailable === 'fail')) {
      const cause = this.#keeper.lastError
      // The write may have been applied, or may be yet.
      this.#context.inBackground(this.deregister())
      if (this.#context.closed.aborted) throw closedError(this.key)
      if (signal.aborted) throw cancelled('register', signal)
      const what = `${this.key} ${couldNot('be written', cause, timeoutMs)}, and is given up`
      const hint = "With `onUnavailable: 'retry'` the registration goes on in the background instead"
      throw new DiscoveryError('not_registered', `${what}. ${hint}`, { cause })
    }
    this.#context.closed.addEventListener('abort', this.#onClosed)
    if (check === undefined) return
    const { clock } = this.#context
    const onChange = (isHealthy: boolean, error: unknown) => this.#judge(isHealthy, error)
    this.#check = new HealthCheck({ check, checkMs, failures, clock, onChange })
  }

  async update(change: RegistrationChange, options: RegistrationCallOptions = {}): Promise<void> {
    this.#assertOpen()
    const call = readCallOptions('update', options)
    const { metadata, ...rest } = readChange(change)
    const labels =
      metadata === undefined ? {} : { labels: storableMetadata('update', this.#definition, metadata) }
    this.#record = { ...this.#record, ...rest, ...labels }
    await this.#publishWithin('update', 'be written as it was changed', call)
  }

  async pause(options: RegistrationCallOptions = {}): Promise<void> {
    this.#assertOpen()
    const call = readCallOptions('pause', options)
    this.#pausedBy.add('user')
    await this.#publishWithin('pause', 'be deleted for the pause', call)
  }

  async resume(options: RegistrationCallOptions = {}): Promise<void> {
    this.#assertOpen()
    const call = readCallOptions('resume', options)
    this.#pausedBy.delete('user')
    await this.#publishWithin('resume', 'be written again after the pause', call)
  }

  deregister(): Promise<void> {
    this.#deregistering ??= this.#deregister().then(() => {
      if (this.#shutdown === undefined) this.#end()
    })
    return this.#deregistering
  }

  /** Somebody else has closed the server: nobody is to be sent to it any more. */
  serverClosed(): void {
    if (this.#isEnding) return
    const what = `The server of ${this.key} was closed, and the instance is deregistered. Use shutdown() to lose no request.`
    this.#context.reports.warn(what)
    this.#context.inBackground(this.deregister())
  }

  shutdown(options: ShutdownOptions = {}): Promise<void> {
    try {
      const read = readShutdownOptions(options)
      this.#shutdown ??= this.#shutDown(read)
      return this.#shutdown
    } catch (error) {
      return Promise.reject(error)
    }
  }

  on<Name extends keyof RegistrationEvents>(
    event: Name,
    listener: (event: RegistrationEvents[Name]) => unknown,
  ): () => void {
    return this.#listeners.on(event, listener)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (this.#shutdown ?? this.deregister())
  }

  async #shutDown({ propagationMs, drainMs, close }: ReturnType<typeof readShutdownOptions>): Promise<void> {
    const { clock, reports } = this.#context
    const hadKey = this.#keeper.state !== 'closed'
    await this.deregister()
    this.#drain?.announce()
    if (hadKey) await pauseRunning(clock, propagationMs)
    try {
      if (this.#drain !== undefined) {
        const isDrained = await this.#drain.close(clock, drainMs, close)
        if (!isDrained)
          reports.warn(`Requests to ${this.key} were still running after ${drainMs} ms and were cut off`)
      } else if (close !== undefined) {
        await within(clock, drainMs, Promise.resolve().then(close))
      }
    } finally {
      this.#end()
    }
  }

  async #deregister(): Promise<void> {
    this.#isEnding = true
    this.#check?.close()
    this.#become('draining')
    this.#keeper.unwant(encodeGoRecord({ ...this.#record, isLeaving: true }))
    const isGone = await this.#settled(DEREGISTER_MS)
    if (!isGone) {
      const error = this.#keeper.lastError
      this.#context.reports.warn(`${this.key} could not be deleted; it expires with its lease`, { error })
    }
    this.#closeKeeper()
  }

  /** Ends everything at once; the key, if it is still there, goes with its lease, which is revoked in the background. */
  #end(): void {
    this.#isEnding = true
    this.#check?.close()
    this.#closeKeeper()
    this.#drain?.release()
    this.#context.closed.removeEventListener('abort', this.#onClosed)
    this.#become('closed')
    this.#listeners.clear()
  }

  #closeKeeper(): void {
    this.#context.inBackground(this.#keeper.close())
  }

  readonly #onClosed = (): void => this.#end()

  #judge(isHealthy: boolean, error: unknown): void {
    const { reports } = this.#context
    if (isHealthy) this.#pausedBy.delete('check')
    else this.#pausedBy.add('check')
    if (isHealthy) reports.info(`${this.key} is healthy again and is registered`)
    else reports.warn(`${this.key} fails its health check and is taken out`, { error })
    this.#publish()
  }

  /** Tells the keeper what the store is to hold. */
  #publish(): void {
    if (this.#isEnding) return
    if (this.#pausedBy.size === 0) {
      this.#keeper.want(encodeGoRecord(this.#record))
      return
    }
    this.#keeper.unwant(encodeGoRecord({ ...this.#record, isLeaving: true }))
    this.#follow()
  }

  async #publishWithin(call: string, toBeDone: string, options: RegistrationCallOptions): Promise<void> {
    const { timeoutMs = DEFAULT_TIMEOUT_MS, signal } = options
    this.#publish()
    if (await this.#settled(timeoutMs, signal)) return
    if (this.#isEnding) throw closedError(this.key)
    if (signal?.aborted)
      throw cancelled(call, signal, 'What it has begun goes on: it is written as soon as etcd takes it.')
    const cause = this.#keeper.lastError
    const what = `${this.key} ${couldNot(toBeDone, cause, timeoutMs)}. This is tried again until etcd takes it`
    throw new DiscoveryError('not_registered', what, { cause })
  }

  /** Whether the store holds what it should within the time. */
  async #settled(timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    const { clock } = this.#context
    const until = monotonicNow(clock) + timeoutMs
    while (!this.#keeper.isSettled) {
      const left = until - monotonicNow(clock)
      if (left <= 0) return false
      const outcome = await within(clock, left, this.#keeper.settledOrFailed(), signal)
      if (outcome.type !== 'done' || isFinalError(this.#keeper.lastError)) return false
    }
    return this.#keeper.state !== 'closed'
  }

  /** The state as it follows from the keeper's. */
  #follow(): void {
    if (this.#isEnding) return
    const { state } = this.#keeper
    if (state === 'closed') {
      this.#end()
      return
    }
    if (this.#pausedBy.size > 0) {
      this.#become('paused')
      return
    }
    this.#become(state === 'kept' ? 'registered' : state === 'lost' ? 'lost' : 'registering')
  }

  #become(state: RegistrationState): void {
    if (this.#state === state || this.#state === 'closed') return
    this.#state = state
    this.#listeners.emit('state', state)
  }

  #assertOpen(): void {
    if (this.#isEnding) throw closedError(this.key)
  }
}

function couldNot(toBeDone: string, cause: unknown, timeoutMs: number): string {
  return `could not ${toBeDone}${isFinalError(cause) ? ': etcd refuses it' : ` within ${timeoutMs} ms`}`
}

function closedError(key: string): DiscoveryError {
  return new DiscoveryError('closed', `the registration ${key} has ended`)
}
