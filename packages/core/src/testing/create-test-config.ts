import type { $ZodType, input, output } from 'zod/v4/core'
import type { DeepReadonly } from '../deep-readonly.ts'
import type { ConfigDefinition } from '../config-definition.ts'
import { describeIssues, LivetreeError } from '../errors.ts'
import type { ChangeEvent } from '../events/change-event.ts'
import { checkOptions, type OptionTable } from '../check-options.ts'
import { kindOfValue } from '../assert-live-config.ts'
import { disown } from '../callback.ts'
import { isPromise } from '../promises-in.ts'
import { assertValues } from '../source/assert-values.ts'
import type { LiveConfig } from '../live-config.ts'
import type { LoadOptions } from '../startup/load-options.ts'
import type { RejectedEvent } from '../updates/rejection.ts'
import { load } from '../load.ts'
import { flatten } from '../source/flatten.ts'
import { list, logger as loggerKind, milliseconds, withMethods } from '../option-kinds.ts'
import { LeafMap } from '../source/leaf-map.ts'
import {
  type Leaf,
  type Source,
  type SourceConnection,
  type SourceContext,
  Unreadable,
} from '../source/source.ts'

/** Makes every property of nested plain objects optional. Lists and class instances stay complete. */
export type DeepPartial<V> = V extends
  | readonly unknown[]
  | Date
  | Map<unknown, unknown>
  | Set<unknown>
  | Uint8Array
  ? V
  : V extends object
    ? { readonly [K in keyof V]?: DeepPartial<V[K]> | undefined }
    : V

/** Options of `createTestConfig`. */
export interface TestConfigOptions {
  /** Sources with lower precedence than the test's values, such as a file of defaults. Default none. */
  readonly sources?: readonly Source[] | undefined
  readonly clock?: LoadOptions['clock']
  readonly logger?: LoadOptions['logger']
  readonly maxStalenessMs?: number | undefined
}

const OPTIONS: OptionTable = {
  sources: list,
  clock: withMethods('now', 'setTimeout', 'clearTimeout'),
  logger: loggerKind,
  maxStalenessMs: milliseconds,
}

/** A live configuration without a store, with methods to control it. */
export interface TestConfig<T, Input> extends LiveConfig<T> {
  /**
   * Merges values into the current ones; `undefined` removes a value. When it returns, `current` is updated and listeners
   * that were not busy have been called. Values may also be text, as a store would hold it.
   *
   * Called inside a listener, it returns undefined and applies the values after the change being delivered. If they are
   * invalid, the `set` that caused that change throws; if another source caused it, `error` is emitted.
   *
   * @returns the change; undefined if nothing changed
   * @throws LivetreeError `invalid_config` if the values are invalid, which are then reverted; `invalid_options`, `closed`
   */
  set(patch: DeepPartial<Input>): ChangeEvent<T> | undefined
  /**
   * Simulates a bad write to the store: the tree is rejected and `current` stays. `heal`, or the next `set`, reverts it.
   *
   * @param patch invalid values; default: a tree that cannot be read
   * @throws Error if the schema accepts the values
   */
  reject(patch?: object): RejectedEvent
  /** Reverts `reject`. */
  heal(): void
  /** Simulates a disconnected store: the configuration is `stale` immediately. */
  disconnect(reason?: string): void
  /** Reverts `disconnect`. */
  reconnect(): void
}

/**
 * Creates a live configuration whose values come from the test. `current`, `watch`, events and resources behave as in
 * production, without a store, a file or a timer. Call `close()`, or declare it with `await using`.
 *
 * @param initial values that the schema has no defaults for
 * @throws LivetreeError `invalid_config`, listing every missing or invalid value; `invalid_options`
 */
export async function createTestConfig<S extends $ZodType>(
  definition: ConfigDefinition<S>,
  initial: DeepPartial<input<S>> = {} as DeepPartial<input<S>>,
  options: TestConfigOptions = {},
): Promise<TestConfig<DeepReadonly<output<S>>, input<S>>> {
  checkDefinition(definition)
  disown(initial)
  if (isPromise(initial)) {
    throw new LivetreeError(
      'invalid_options',
      'createTestConfig() got a promise; expected an object of values.',
    )
  }
  assertValues('createTestConfig()', initial)
  checkOptions('createTestConfig()', options, OPTIONS)
  const { sources = [], ...loadOptions } = options
  const store = new TestStore(initial as object)
  const given = { ...loadOptions, sources: [...sources, store], staleAfterMs: Number.POSITIVE_INFINITY }
  // Updates never yield to the event loop, so that a patch is in service when `set` returns.
  const config = await load(definition, given, Number.POSITIVE_INFINITY)
  // The test causes these events itself, so listeners suppress the process warnings.
  config.on('rejected', () => {})
  config.on('stale', () => {})
  const setter = new Setter<S>(config, store)
  const reject = (patch?: object): RejectedEvent => {
    let rejection: RejectedEvent | undefined
    const stop = config.on('rejected', (event) => {
      rejection ??= event
    })
    if (patch !== undefined) assertValues('reject()', patch)
    if (patch === undefined) store.spoil()
    else store.set(patch)
    stop()
    if (rejection !== undefined) return rejection
    store.heal()
    throw new Error(`Configuration "${definition.name}" accepts the values that were meant to be rejected`)
  }
  return Object.assign(config, {
    set: (patch: DeepPartial<input<S>>) => setter.set(patch as object),
    reject,
    heal: () => store.heal(),
    disconnect: (reason = 'disconnected by the test') => {
      disown(reason)
      store.disconnect(String(reason))
    },
    reconnect: () => store.reconnect(),
  })
}

function checkDefinition(definition: unknown): void {
  const { compiled, load } = (definition ?? {}) as Partial<Record<string, unknown>>
  if (compiled !== undefined && typeof load === 'function') return
  disown(definition)
  const message = `createTestConfig() got ${kindOfValue(definition)}; expected what defineConfig() returns.`
  throw new LivetreeError('invalid_options', message)
}

/** Bounds `set` calls in listeners: one that calls `set` for every change would never end. */
const MOST_IN_LISTENERS = 1_000

/** Implements `set`, which listeners may call while another `set` is being applied. */
class Setter<S extends $ZodType> {
  readonly #config: LiveConfig<DeepReadonly<output<S>>>
  readonly #store: TestStore
  #isSetting = false
  /** Patches from calls inside listeners, to be applied afterwards. */
  #later: object[] = []

  constructor(config: LiveConfig<DeepReadonly<output<S>>>, store: TestStore) {
    this.#config = config
    this.#store = store
  }

  set(patch: object): ChangeEvent<DeepReadonly<output<S>>> | undefined {
    if (typeof patch !== 'object' || patch === null || isPromise(patch)) {
      disown(patch)
      const message = `set() got ${kindOfValue(patch)}; expected an object with the values to change.`
      throw new LivetreeError('invalid_options', message)
    }
    assertValues('set()', patch)
    if (this.#isSetting) {
      this.#later.push(patch)
      return undefined
    }
    this.#isSetting = true
    try {
      const change = this.#apply(patch, 'refuses the values')
      let count = 0
      for (let next = this.#later.shift(); next !== undefined; next = this.#later.shift()) {
        if (count++ === MOST_IN_LISTENERS) throw new Error('set() in a listener was called without end')
        this.#apply(next, 'refuses the values that were set in a listener')
      }
      return change
    } finally {
      this.#isSetting = false
      this.#later = []
    }
  }

  #apply(patch: object, what: string): ChangeEvent<DeepReadonly<output<S>>> | undefined {
    let change: ChangeEvent<DeepReadonly<output<S>>> | undefined
    const stop = this.#config.on('change', (event) => {
      change = event
    })
    this.#store.set(patch)
    stop()
    if (this.#isTaken()) this.#settle(what)
    // Called in a listener for a change of another source: the patch is applied after that change.
    else queueMicrotask(() => this.#settleLate(what))
    return change
  }

  #isTaken(): boolean {
    return this.#config.status.sources.at(-1)?.revision === this.#store.revision
  }

  #settleLate(what: string): void {
    try {
      this.#settle(what)
    } catch (error) {
      this.#config.report(error as LivetreeError)
    }
  }

  /** Keeps the patch, or reverts it if it is invalid. @throws LivetreeError `invalid_config` */
  #settle(what: string): void {
    const { rejected } = this.#config.status
    if (rejected === undefined) {
      this.#store.keep()
      return
    }
    this.#store.heal()
    const { issues } = rejected
    const heading = `Configuration "${this.#config.name}" ${what}:`
    throw new LivetreeError('invalid_config', describeIssues(heading, issues), { issues })
  }
}

/** The source of a test configuration. Every operation is one revision. */
class TestStore implements Source {
  readonly name = 'test'
  readonly layers = [
    { name: 'test', keyPrefix: '', separator: '/', naming: 'exact', isNested: true },
  ] as const
  readonly isRemote = true
  #held: LeafMap
  #revision = 0
  #context: SourceContext | undefined = undefined
  /** The leaves to restore if the current ones turn out to be invalid. */
  #good: readonly Leaf[] | undefined = undefined

  constructor(initial: object) {
    this.#held = new LeafMap(flatten(initial))
  }

  get revision(): number {
    return this.#revision
  }

  open(context: SourceContext): SourceConnection {
    this.#context = context
    this.#replace()
    const close = async () => {
      this.#context = undefined
    }
    return { refresh: async () => {}, close }
  }

  /** Applies a patch. Call `keep` or `heal` once it is validated. */
  set(patch: object): void {
    this.heal()
    this.#good = this.#held.leaves()
    this.#patch(this.#held.merge(flatten(patch)))
  }

  /** Makes the tree unreadable. */
  spoil(): void {
    this.heal()
    this.#good = this.#held.leaves()
    this.#held = new LeafMap([{ path: '', value: new Unreadable('rejected by the test'), revision: 0 }])
    this.#replace()
  }

  keep(): void {
    this.#good = undefined
  }

  heal(): void {
    if (this.#good === undefined) return
    this.#held = new LeafMap(this.#good)
    this.#good = undefined
    this.#replace()
  }

  disconnect(reason: string): void {
    this.#context?.sink.lost({ error: new LivetreeError('source_unavailable', reason), isFinal: true })
  }

  reconnect(): void {
    this.#context?.sink.alive({ revision: this.#revision, provenAt: this.#context.clock.now() })
  }

  #patch(leaves: readonly Leaf[]): void {
    if (leaves.length === 0) return
    const revision = ++this.#revision
    const changes = leaves.map((leaf) => ({ layer: 0, leaf: { ...leaf, revision } }))
    this.#context?.sink.patch({ revision, changes, allowRemoval: true })
  }

  #replace(): void {
    const revision = ++this.#revision
    const leaves = this.#held.leaves().map((leaf) => ({ ...leaf, revision }))
    this.#context?.sink.replace({ revision, epoch: 0, layers: [leaves], allowRemoval: true })
  }
}
