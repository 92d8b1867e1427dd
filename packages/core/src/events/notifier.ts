import { deepFrozen } from '../pipeline/deep-frozen.ts'
import { describeIssues, LivetreeError } from '../errors.ts'
import { describeUnused } from '../describe-unused.ts'
import type { UnusedKey } from '../issue.ts'
import type { ConfigLog, LogEntry } from '../config-log.ts'
import { CHANNELS, type ResourceEventType } from './diagnostics.ts'
import { type ConfigEventName, type ConfigEvents, EventHub, type ReadyEvent } from './event-hub.ts'
import type { LiveEvent, StaleEvent } from './freshness-events.ts'
import type { Snapshot } from '../updates/snapshot.ts'
import type { SourceState } from '../updates/source-state.ts'
import { PendingCalls } from './pending-calls.ts'
import { MOST_IN_A_ROW } from '../turn-budget.ts'
import type { Clock } from '../source/source.ts'
import type { Delivery } from './subscriber.ts'
import type { RejectedEvent } from '../updates/rejection.ts'
import { type Reload, ReloadTimer } from '../updates/reload-timer.ts'

/** At most this many distinct reasons are logged for one disconnection of a source. */
const MOST_REASONS = 20

type Notification = Exclude<keyof ConfigEvents<unknown>, 'change'>

/**
 * Reports each event once to listeners, once to the logger and once on a diagnostics channel. Events during loading, when
 * there can be no listener yet, are kept for later listeners for as long as they hold.
 */
export class Notifier<T> {
  readonly hub: EventHub<T>
  /** The calls of user code whose promises have not settled. */
  readonly pending: PendingCalls
  readonly #config: string
  readonly #logger: ConfigLog
  readonly #clock: Clock
  readonly #delivery: Delivery<T>
  /** The reasons logged for each disconnected source; a source with several endpoints has one for each. */
  readonly #lostBecause = new Map<string, Set<string>>()
  /** What is logged for an event that has listeners, in case they fail. */
  readonly #entries = new WeakMap<object, LogEntry>()
  #isReady = false
  #hasLooped = false

  constructor(
    config: string,
    logger: ConfigLog,
    delivery: Omit<Delivery<T>, 'report' | 'pending' | 'loops'>,
    clock: Clock,
  ) {
    this.#config = config
    this.#clock = clock
    this.#logger = logger
    this.pending = new PendingCalls(clock)
    this.#delivery = {
      ...delivery,
      pending: this.pending,
      report: (error) => this.failed(error),
      loops: () => this.loops(),
    }
    this.hub = new EventHub(this.#delivery, (name, failure, events) =>
      this.#listenerFailed(name, failure, events),
    )
  }

  /** What subscribers need to receive changes. */
  get delivery(): Delivery<T> {
    return this.#delivery
  }

  ready(event: ReadyEvent): void {
    this.#notify('ready', event)
    this.#logger.info(`Configuration "${this.#config}" is ready`, { ...event })
    this.#isReady = true
    this.#logger.settle()
  }

  /** Notifies of a change. `next` must already be in service. */
  changed(previous: Snapshot<T> | undefined, next: Snapshot<T>): void {
    if (previous === undefined || !this.#isReady) return
    if (CHANNELS.change.hasSubscribers)
      CHANNELS.change.publish({ config: this.#config, ...this.#delivery.feed.between(previous, next) })
    this.#logger.debug(`Configuration "${this.#config}" changed`, { revision: next.revision })
    this.hub.emitChange()
  }

  rejected(event: RejectedEvent): void {
    const heading = `A tree of configuration "${this.#config}" was rejected; the last good one stays in service`
    const { source, revision } = event
    // A new warning needs new issues; a new revision with the same issues is not enough.
    const cause = event.issues
      .slice(0, 100)
      .map(({ pathText, message }) => `${pathText}: ${message}`)
      .join('\n')
    const message = describeIssues(heading, event.issues)
    this.#log('rejected', event, { level: 'warn', message, details: { source, revision }, cause })
    this.#notify('rejected', event)
  }

  healed(): void {
    this.hub.settle('rejected')
    this.#logger.info(`The tree of configuration "${this.#config}" is valid again`)
  }

  unused(keys: readonly UnusedKey[]): void {
    this.hub.settle('unused')
    if (keys.length === 0) return
    const lines = keys.slice(0, 100).map((key) => {
      const hint = key.didYouMean === undefined ? '' : ` (did you mean ${key.didYouMean}?)`
      return `  ${key.origin.source}: ${describeUnused(key)}${hint}`
    })
    const heading = `Configuration "${this.#config}" has keys that its schema does not know`
    if (keys.length > lines.length) lines.push(`  and ${keys.length - lines.length} more`)
    const event = deepFrozen({ keys })
    this.#log('unused', event, { level: 'warn', message: [heading, ...lines].join('\n') })
    this.#notify('unused', event)
  }

  stale(event: StaleEvent): void {
    const message = `Configuration "${this.#config}" is stale: ${event.reason}`
    this.#log('stale', event, { level: 'warn', message, details: { provenAt: event.provenAt } })
    this.#notify('stale', event)
  }

  live(event: LiveEvent): void {
    this.hub.settle('stale')
    this.#logger.info(`Configuration "${this.#config}" is live again`, { ...event })
    this.#notify('live', event)
  }

  /**
   * Logs that a source is disconnected or connected again, one line for each reason. A remote source is only logged at
   * `debug`: `startUp` warns of a lasting disconnection while loading, and `stale` does so later.
   */
  connectivity({ source, lastError }: SourceState): void {
    const reported = this.#lostBecause.get(source.name)
    if (lastError === undefined) {
      if (!this.#lostBecause.delete(source.name)) return
      this.#logger.debug(`Source ${source.name} of configuration "${this.#config}" is back`)
      return
    }
    if (reported?.has(lastError.message) || reported?.size === MOST_REASONS) return
    this.#lostBecause.set(source.name, (reported ?? new Set()).add(lastError.message))
    const what = `Source ${source.name} of configuration "${this.#config}" is lost`
    const message = `${what}: ${lastError.message}`
    if (source.isRemote || !this.#isReady) this.#logger.debug(message)
    else this.failed(new LivetreeError('source_unavailable', message, { cause: lastError }))
  }

  failed(error: LivetreeError): void {
    this.#logError(error)
    const { code, message } = error
    if (CHANNELS.error.hasSubscribers) CHANNELS.error.publish({ config: this.#config, code, message })
    this.hub.emit('error', error)
  }

  /** Warns, once, of user code that starts again what calls it. */
  loops(): void {
    if (this.#hasLooped) return
    this.#hasLooped = true
    const what = `Configuration "${this.#config}" has called the same code ${MOST_IN_A_ROW} times before the event loop turned`
    const message = `${what}: a handler seems to change what it listens to. From now on such calls wait for the event loop, and more than ${MOST_IN_A_ROW} changes that wait are applied as one; change the handler`
    this.#logger.entry({ level: 'warn', message, code: 'endless_calls' })
  }

  resource(resource: string, type: ResourceEventType, error?: LivetreeError): void {
    const config = this.#config
    if (CHANNELS.resource.hasSubscribers)
      CHANNELS.resource.publish({ config, resource, type, error: error?.message })
    this.#logger.debug(`${resource} of configuration "${this.#config}": ${type}`)
  }

  /** Times a reload, if anyone is to learn of it; undefined otherwise. */
  timeReload(): ReloadTimer | undefined {
    return CHANNELS.reload.hasSubscribers ? new ReloadTimer(this.#clock.now()) : undefined
  }

  reloaded(reload: Reload): void {
    const { result, source, type, revisions, store, epoch, startedAt, durationsMs } = reload
    const config = this.#config
    const message = { config, result, source, type, revisions, store, epoch, startedAt, durationsMs }
    CHANNELS.reload.publish(Object.freeze(message))
  }

  /** Removes all listeners. Nothing is emitted afterwards. */
  close(): void {
    if (CHANNELS.close.hasSubscribers) CHANNELS.close.publish({ config: this.#config })
    this.#logger.info(`Configuration "${this.#config}" is closed`)
    this.hub.close()
    this.pending.close()
  }

  #notify<E extends Notification>(name: E, event: ConfigEvents<T>[E]): void {
    this.#publish(name, deepFrozen(event))
    this.hub.settle(name)
    if (!this.#isReady) this.hub.emitUntilSettled(name, event)
    else this.hub.emit(name, event)
  }

  #publish<E extends Notification>(name: E, event: ConfigEvents<T>[E]): void {
    const target: { readonly hasSubscribers: boolean; publish(message: object): void } = CHANNELS[name]
    if (target.hasSubscribers) target.publish({ config: this.#config, ...event })
  }

  /**
   * Reports a listener that fails, and warns of the events that it has not handled. The failure of a listener of `error` is
   * not emitted as `error` again.
   */
  #listenerFailed(name: ConfigEventName, failure: LivetreeError, events: readonly object[]): void {
    for (const event of events) {
      const entry = this.#entries.get(event)
      if (entry !== undefined) this.#logger.warnUndelivered(entry)
    }
    if (name !== 'error') this.failed(failure)
    else this.#logger.entry({ ...entryOf(failure), hasListener: () => false })
  }

  #logError(error: LivetreeError): void {
    this.#log('error', error, entryOf(error))
  }

  #log(
    name: ConfigEventName,
    event: object,
    said: Omit<LogEntry, 'code'> & { readonly code?: string },
  ): void {
    const entry = {
      code: name,
      ...said,
      hasListener: () => this.hub.hasListener(name),
      wasReceived: () => this.hub.wasReceived(event),
    }
    this.#entries.set(event, entry)
    this.#logger.entry(entry)
  }
}

function entryOf({ code, message, cause }: LivetreeError): LogEntry {
  const level = code === 'not_settled' ? 'warn' : 'error'
  return { level, message, code, details: { code, cause } }
}
