import { LivetreeError, withoutCause } from '../errors.ts'
import { kindOf } from '../thrown.ts'
import { adopt, askIsEqual, callAtOnce, disown } from '../callback.ts'
import { isPromise } from '../promises-in.ts'
import { notSettled } from '../events/pending-calls.ts'
import { TurnBudget } from '../turn-budget.ts'
import { CLOSE_MS } from '../updates/guarded-source.ts'
import { type Build, type Built, startBuild } from './build.ts'
import { Holders } from './holders.ts'
import { type Borrowed, Instance } from './instance.ts'
import type { Resource, ResourceSettings, ResourceStatus } from './resource-options.ts'
import { settledWithin } from '../within.ts'

/**
 * Implements `Resource`: prepare (create, check) → swap → drain → dispose. Builds never overlap: a change during a build
 * aborts its signal, and the next build starts when it has settled. After a failed build the old instance stays in service
 * until the next change.
 */
export class HotResource<T, S, R> implements Resource<R> {
  readonly #settings: ResourceSettings<T, S, R>
  readonly #draining = new Set<Promise<void>>()
  readonly #holders = new Holders()
  readonly #builds: TurnBudget
  #wanted: S
  #served: { readonly input: S; readonly instance: Instance<R> } | undefined = undefined
  #building: Build<S> | undefined
  #failure: { readonly error: LivetreeError; readonly shown: LivetreeError } | undefined = undefined
  #jitterTimer: unknown = undefined
  #buildCount = 0
  #builtCount = 0
  #closing: Promise<void> | undefined = undefined

  /** @throws whatever the selector throws for `value` */
  constructor(settings: ResourceSettings<T, S, R>, value: T) {
    this.#settings = settings
    this.#builds = new TurnBudget(() => settings.loops?.())
    this.#wanted = this.#select(value)
  }

  get name(): string {
    return this.#settings.name
  }

  get current(): R {
    return this.#inService().value
  }

  get status(): ResourceStatus {
    const isBuilding = this.#building !== undefined || this.#jitterTimer !== undefined
    return Object.freeze({
      name: this.name,
      state: this.#closing ? 'closed' : isBuilding ? 'building' : this.#failure ? 'failed' : 'ready',
      lastError: this.#failure?.shown,
      buildingForMs: this.#buildingForMs,
      borrowedCount: this.#served?.instance.borrowedCount ?? 0,
      drainingCount: this.#draining.size,
      builtCount: this.#builtCount,
    })
  }

  get #buildingForMs(): number {
    const startedAt = this.#building?.startedAt
    return startedAt === undefined ? 0 : Math.max(this.#settings.clock.now() - startedAt, 0)
  }

  /** Waits for the first build. @throws LivetreeError `resource_failed`; `closed` if it is closed during the build */
  async start(): Promise<void> {
    // The configuration may change during the first build: then the build for the newest one decides.
    for (this.#step(); this.#building !== undefined; ) await this.#building.done
    if (this.#closing !== undefined) throw this.#closedError()
    if (this.#served === undefined) throw this.#failure?.error ?? this.#closedError()
  }

  /** Called when the configuration has changed. Also retries a failed build. */
  follow(value: T): void {
    this.#wanted = this.#select(value)
    this.#step()
  }

  async use<X>(work: (value: R) => X | Promise<X>): Promise<X> {
    const borrowed = this.acquire()
    try {
      return (await adopt(work(borrowed.value))).value as X
    } finally {
      borrowed.release()
    }
  }

  acquire(): Borrowed<R> {
    return this.#inService().borrow()
  }

  close(): Promise<void> {
    // Set before anything else runs, because a listener of the signal may call `close` again.
    this.#closing ??= Promise.resolve().then(() => this.#shutDown())
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #inService(): Instance<R> {
    if (this.#closing !== undefined || this.#served === undefined) throw this.#closedError()
    return this.#served.instance
  }

  #select(value: T): S {
    const { name, selector } = this.#settings
    return callAtOnce(`The selector of ${name}`, () => selector(value))
  }

  /** The identical value never needs another instance, whatever `isEqual` returns: it would be rebuilt without end. */
  #isSame(one: S, other: S): boolean {
    const { name, isEqual, report } = this.#settings
    return Object.is(one, other) || askIsEqual(`isEqual of ${name}`, isEqual, [one, other], report)
  }

  #step(): void {
    if (this.#closing !== undefined) return
    const { jitterMs, clock } = this.#settings
    if (this.#building !== undefined) {
      if (!this.#isSame(this.#building.input, this.#wanted)) this.#supersede(this.#building)
      return
    }
    if (this.#served !== undefined && this.#isSame(this.#served.input, this.#wanted)) {
      this.#failure = undefined
      clock.clearTimeout(this.#jitterTimer)
      this.#jitterTimer = undefined
      return
    }
    if (this.#jitterTimer !== undefined) return
    if (jitterMs === 0 || this.#served === undefined) {
      this.#build()
      return
    }
    this.#jitterTimer = clock.setTimeout(() => {
      this.#jitterTimer = undefined
      this.#build()
    }, Math.random() * jitterMs)
  }

  #build(): void {
    const building = startBuild(this.#wanted, ++this.#buildCount, this.#settings.clock.now())
    this.#building = building
    void this.#prepare(building).then((built) => this.#settle(building, built))
    this.#settings.pending.follow(`A build of ${this.name}`, building.done, () => this.#warnOverdue(building))
  }

  #warnOverdue({ number, phase, abort }: Build<S>): void {
    const old = this.#served === undefined ? '' : 'The old instance stays in service. '
    const signal = abort.signal.aborted ? 'Its signal is aborted.' : 'A change aborts its signal.'
    const name = `Build ${number} of ${this.name}, in ${phase}(),`
    this.#settings.report(notSettled(name, `${old}${signal}`))
  }

  #supersede(building: Build<S>): void {
    const { clock, drainMs, name } = this.#settings
    if (building.abort.signal.aborted) return
    building.abort.abort(new Error('superseded'))
    if (!Number.isFinite(drainMs)) return
    building.patience = clock.setTimeout(() => {
      const message = `A build of ${name} was still running ${drainMs} ms after its signal was aborted, and was abandoned.`
      this.#settings.report(new LivetreeError('drain_timeout', message))
      this.#leave(building)
      this.#step()
    }, drainMs)
  }

  /** Ends a build for this resource, whether it has settled or is abandoned. */
  #leave(building: Build<S>): void {
    this.#settings.clock.clearTimeout(building.patience)
    if (this.#building === building) this.#building = undefined
    building.end()
  }

  /** Creates and checks an instance. Disposes of it if it fails the check or is no longer wanted. Never rejects. */
  async #prepare(building: Build<S>): Promise<Built<R>> {
    const { create, check } = this.#settings
    const { input, abort } = building
    const { signal } = abort
    const discard = (value: R) => {
      building.phase = 'dispose'
      return this.#dispose(value)
    }
    let made: { readonly value: R } | undefined
    if (!this.#builds.spend()) await new Promise<void>((resolve) => this.#builds.afterTurn(resolve))
    try {
      made = (await adopt<R>(create(input, { signal }))) as { readonly value: R }
      this.#holders.hold(made.value)
      building.phase = 'check'
      const checked = signal.aborted || (await adopt(check(made.value, { signal }))).value
      disown(checked)
      const isGood = checked !== false
      if (!signal.aborted && isGood) return { type: 'built', value: made.value }
      await discard(made.value)
      return signal.aborted ? { type: 'superseded' } : { type: 'failed', why: 'check returned false' }
    } catch (cause) {
      if (made !== undefined) await discard(made.value)
      return signal.aborted
        ? { type: 'superseded' }
        : { type: 'failed', why: `${kindOf(cause)}, see cause`, thrown: { cause } }
    }
  }

  #settle(building: Build<S>, built: Built<R>): void {
    const { input } = building
    const isGivenUp = this.#building !== building
    this.#leave(building)
    if (built.type === 'built' && (isGivenUp || this.#closing !== undefined)) {
      // Closed or abandoned after the last check of the signal: nothing else would dispose of it.
      void this.#dispose(built.value)
    } else if (built.type === 'built') this.#swap(input, built.value)
    if (isGivenUp) return
    if (built.type === 'failed') this.#fail(built)
    if (built.type !== 'failed' || !this.#isSame(input, this.#wanted)) this.#step()
  }

  #swap(input: S, value: R): void {
    const old = this.#served
    this.#served = { input, instance: new Instance(value) }
    this.#failure = undefined
    this.#builtCount++
    this.#settings.onEvent('swapped')
    if (old !== undefined) this.#retire(old.instance)
  }

  #fail({ why, thrown }: Built<R> & { type: 'failed' }): void {
    const consequence =
      this.#served === undefined
        ? ''
        : ' The old instance stays in service; the build is retried at the next change.'
    const message = `Cannot build ${this.name}: ${why}.${consequence}`
    const error = new LivetreeError('resource_failed', message, thrown)
    this.#failure = { error, shown: withoutCause(error) }
    this.#settings.onEvent('failed', error)
    // The failure of the first build is thrown to the caller of `resource`.
    if (this.#served !== undefined) this.#settings.report(error)
  }

  #retire(instance: Instance<R>): void {
    const retired = this.#drain(instance).finally(() => this.#draining.delete(retired))
    this.#draining.add(retired)
  }

  async #drain(instance: Instance<R>): Promise<void> {
    const { clock, drainMs, report } = this.#settings
    const isDrained = await instance.drained(clock, drainMs)
    this.#settings.onEvent(isDrained ? 'drained' : 'overdue')
    if (!isDrained && this.#holders.isLast(instance.value)) {
      const message = `An old instance of ${this.name} was still in use by ${instance.borrowedCount} after ${drainMs} ms, and was disposed.`
      report(new LivetreeError('drain_timeout', message))
    }
    await this.#dispose(instance.value)
  }

  async #dispose(value: R): Promise<void> {
    const { clock } = this.#settings
    if (!this.#holders.release(value)) return
    try {
      const result = this.#settings.dispose(value)
      if (isPromise(result)) {
        const disposing = adopt(result)
        this.#settings.pending.follow(`dispose() of ${this.name}`, disposing, () => {})
        if (!(await settledWithin(disposing, clock, CLOSE_MS))) {
          const message = `Disposing an instance of ${this.name} has not ended after ${CLOSE_MS} ms, and is no longer waited for.`
          this.#settings.report(new LivetreeError('drain_timeout', message))
          return
        }
        disown((await disposing).value)
      } else disown(result)
      this.#settings.onEvent('disposed')
    } catch (cause) {
      const message = `Disposing an instance of ${this.name} failed: ${kindOf(cause)}, see cause.`
      this.#settings.report(new LivetreeError('resource_failed', message, { cause }))
    }
  }

  async #shutDown(): Promise<void> {
    const { clock, drainMs } = this.#settings
    clock.clearTimeout(this.#jitterTimer)
    this.#jitterTimer = undefined
    const building = this.#building
    building?.abort.abort(this.#closedError())
    if (this.#served !== undefined) this.#retire(this.#served.instance)
    if (building !== undefined) {
      // A build that ignores its signal must not keep the process from ending.
      await settledWithin(building.done, clock, Math.min(drainMs, CLOSE_MS))
      this.#leave(building)
    }
    await Promise.all(this.#draining)
    this.#settings.onClosed()
  }

  #closedError(): LivetreeError {
    return new LivetreeError('closed', `${this.name} is closed. Do not use it after close().`)
  }
}
