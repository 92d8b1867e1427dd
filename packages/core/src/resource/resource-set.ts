import { checkArguments, checkOptions, type OptionTable } from '../check-options.ts'
import { callback, isObject, milliseconds, name as nameKind } from '../option-kinds.ts'
import { LivetreeError } from '../errors.ts'
import type { Clock } from '../source/source.ts'
import type { Notifier } from '../events/notifier.ts'
import { HotResource } from './resource.ts'
import type { Resource, ResourceOptions, ResourceStatus } from './resource-options.ts'
import { ChangeSubscriber, type Subscriber } from '../events/subscriber.ts'
import { CLOSE_MS } from '../updates/guarded-source.ts'
import { settledWithin } from '../within.ts'

const DRAIN_MS = 30_000

const resourceArguments = {
  selector: callback,
  options: { expected: 'options with create()', test: isObject },
}
const table: OptionTable = {
  name: nameKind,
  create: callback,
  check: callback,
  dispose: callback,
  drainMs: milliseconds,
  jitterMs: milliseconds,
  isEqual: callback,
}

/** The resources of one configuration, in the order they were made. */
export class ResourceSet<T> {
  readonly #clock: Clock
  readonly #announcer: Notifier<T>
  readonly #resources = new Set<{ readonly status: ResourceStatus; close(): Promise<void> }>()
  #count = 0

  constructor(clock: Clock, announcer: Notifier<T>) {
    this.#clock = clock
    this.#announcer = announcer
  }

  /** Makes one, has it follow the configuration, and waits for its first build. */
  async add<S, R>(value: T, selector: (value: T) => S, options: ResourceOptions<S, R>): Promise<Resource<R>> {
    checkArguments('resource()', { selector, options }, resourceArguments)
    checkOptions('resource()', options, table)
    if (options.create === undefined) {
      throw new LivetreeError('invalid_options', 'resource() needs create(), which makes an instance.')
    }
    const name = options.name ?? `resource ${++this.#count}`
    const { delivery, hub } = this.#announcer
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
        onEvent: (type, error) => this.#announcer.resource(name, type, error),
        onClosed: () => {
          stop()
          this.#resources.delete(resource)
        },
      },
      value,
    )
    const follow = ({ next }: { readonly next: T }) => resource.follow(next)
    const follower = new ChangeSubscriber<T>(delivery, follow, `The selector of ${name}`)
    const stop = hub.subscribe(follower as Subscriber<T>)
    this.#resources.add(resource)
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
   * The newest first, since it may use the older ones. The next one begins when the one before has closed; once one has
   * taken longer than 5 seconds, all the others at once.
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
