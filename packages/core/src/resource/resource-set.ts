import { checkArguments, checkOptions, type OptionTable } from '../check-options.ts'
import { callback, isObject, milliseconds, name as nameKind } from '../option-kinds.ts'
import { LivetreeError } from '../errors.ts'
import type { Clock } from '../source/source.ts'
import type { Notifier } from '../events/notifier.ts'
import { DRAIN_MS } from './drain-time.ts'
import { HotResource } from './resource.ts'
import type { Resource, ResourceOptions, ResourceStatus } from './resource-options.ts'
import { ChangeSubscriber, type Subscriber } from '../events/subscriber.ts'
import { CLOSE_MS } from '../updates/guarded-source.ts'
import { settledWithin } from '../within.ts'

const RESOURCE_ARGUMENTS = {
  selector: callback,
  options: { expected: 'options with create()', test: isObject },
}
const OPTION_TABLE: OptionTable = {
  name: nameKind,
  create: callback,
  check: callback,
  dispose: callback,
  drainMs: milliseconds,
  jitterMs: milliseconds,
  isEqual: callback,
}

/** The resources of one configuration, in the order of their creation. */
export class ResourceSet<T> {
  readonly #clock: Clock
  readonly #notifier: Notifier<T>
  readonly #resources = new Set<{ readonly status: ResourceStatus; close(): Promise<void> }>()
  #count = 0

  constructor(clock: Clock, notifier: Notifier<T>) {
    this.#clock = clock
    this.#notifier = notifier
  }

  /**
   * Creates a resource that follows the configuration, and waits for its first build.
   *
   * @throws LivetreeError `invalid_options`, `resource_failed`, `closed`
   */
  async add<S, R>(value: T, selector: (value: T) => S, options: ResourceOptions<S, R>): Promise<Resource<R>> {
    checkArguments('resource()', { selector, options }, RESOURCE_ARGUMENTS)
    checkOptions('resource()', options, OPTION_TABLE)
    if (options.create === undefined) {
      throw new LivetreeError('invalid_options', 'resource() needs create(), which creates an instance.')
    }
    const name = options.name ?? `resource ${++this.#count}`
    const { delivery, hub } = this.#notifier
    const follow = ({ next }: { readonly next: T }) => resource.follow(next)
    // Created before the selector is called, which may change the configuration itself.
    const follower = new ChangeSubscriber<T>(delivery, follow, `The selector of ${name}`)
    const resource: HotResource<T, S, R> = new HotResource<T, S, R>(
      {
        name,
        selector,
        create: (selected, context) => options.create(selected, context),
        check: (candidate, context) => options.check?.(candidate, context),
        dispose: (old) => options.dispose?.(old),
        drainMs: options.drainMs ?? DRAIN_MS,
        jitterMs: options.jitterMs ?? 0,
        isEqual: options.isEqual ?? Object.is,
        clock: this.#clock,
        report: delivery.report,
        pending: delivery.pending,
        loops: () => this.#notifier.loops(),
        onEvent: (type, error) => this.#notifier.resource(name, type, error),
        onClosed: () => {
          stop()
          this.#resources.delete(resource)
        },
      },
      value,
    )
    this.#resources.add(resource)
    const stop = hub.subscribe(follower as Subscriber<T>)
    try {
      await resource.start()
    } catch (error) {
      await resource.close()
      throw error
    }
    return resource
  }

  statuses(): readonly ResourceStatus[] {
    return [...this.#resources].map(({ status }) => status)
  }

  /**
   * Closes the newest resource first, because it may use older ones. Each waits for the previous one; once one takes longer
   * than 5 seconds, all the others are closed at the same time.
   */
  async close(): Promise<void> {
    const closings: Promise<void>[] = []
    let isLate = false
    for (const resource of [...this.#resources].reverse()) {
      const closing = resource.close()
      closings.push(closing)
      if (!isLate) isLate = !(await settledWithin(closing, this.#clock, CLOSE_MS))
    }
    await Promise.all(closings)
  }
}
