import type { $ZodType, input, output } from 'zod/v4/core'
import type { DeepReadonly } from '../deep-readonly.ts'
import type { ConfigDefinition } from '../config-definition.ts'
import { describeIssues, LivetreeError } from '../errors.ts'
import type { ChangeEvent } from '../events/change-event.ts'
import { kindOfValue } from '../assert-live-config.ts'
import { isPromise } from '../callback.ts'
import type { LiveConfig } from '../live-config.ts'
import type { LoadOptions } from '../startup/load-options.ts'
import type { RejectedEvent } from '../updates/rejection.ts'
import { load } from '../load.ts'
import { flatten } from '../source/flatten.ts'
import { LeafMap } from '../source/leaf-map.ts'
import {
  type Leaf,
  type Source,
  type SourceConnection,
  type SourceContext,
  Unreadable,
} from '../source/source.ts'

/** Every property of nested plain objects is optional; lists and class instances are given whole. */
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

export interface TestConfigOptions {
  /** Sources below the test's own values, such as the file with the defaults. Default none. */
  readonly sources?: readonly Source[] | undefined
  readonly clock?: LoadOptions['clock']
  readonly logger?: LoadOptions['logger']
  readonly maxStalenessMs?: number | undefined
}

/** A live configuration without a store, and the hands on it. */
export interface TestConfig<T, Input> extends LiveConfig<T> {
  /**
   * Merges values into what is there; `undefined` removes. `current` is the new one when it returns, and listeners that
   * were free have been called. Values may also be text, as a store would hold it.
   *
   * Called in a listener it gives undefined, and comes after the change that the listener was called for; what the schema
   * refuses then is thrown by the `set` that made that change, or reported by `error` where another source did.
   *
   * @returns the change, or undefined when nothing came of it
   * @throws LivetreeError `invalid_config` when the schema refuses the values; they are taken back. `invalid_options`, `closed`
   */
  set(patch: DeepPartial<Input>): ChangeEvent<T> | undefined
  /**
   * As a bad write to the store: the tree is rejected, `current` stays. `heal`, or the next `set`, takes it back.
   *
   * @param patch what the schema refuses; default: a tree that cannot be read
   * @throws Error when the schema accepts it
   */
  reject(patch?: object): RejectedEvent
  heal(): void
  /** As a store that is gone: the configuration is `stale` at once. */
  disconnect(reason?: string): void
  /** Takes `disconnect` back. */
  reconnect(): void
}

/**
 * The same object that `load` gives, fed by the test: `current`, `watch`, events and resources do what they do in
 * production. No store, no file, no timer; `close()` it, or `await using`.
 *
 * @param initial what the schema's defaults do not give
 * @throws LivetreeError `invalid_config` listing everything that is missing or wrong
 */
export async function createTestConfig<S extends $ZodType>(
  definition: ConfigDefinition<S>,
  initial: DeepPartial<input<S>> = {} as DeepPartial<input<S>>,
  options: TestConfigOptions = {},
): Promise<TestConfig<DeepReadonly<output<S>>, input<S>>> {
  checkDefinition(definition)
  const { sources = [], ...loadOptions } = options
  const store = new TestStore(initial as object)
  const given = { ...loadOptions, sources: [...sources, store], staleAfterMs: Number.POSITIVE_INFINITY }
  // never gives way to other work, so that a patch is in service when `set` returns
  const config = await load(definition, given, Number.POSITIVE_INFINITY)
  // who calls `set`, `reject` or `disconnect` knows what happens; the process need not be warned
  config.on('rejected', () => {})
  config.on('stale', () => {})
  const setter = new Setter<S>(config, store)
  const reject = (patch?: object): RejectedEvent => {
    let rejection: RejectedEvent | undefined
    const stop = config.on('rejected', (event) => {
      rejection ??= event
    })
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
    disconnect: (reason = 'disconnected by the test') => store.disconnect(reason),
    reconnect: () => store.reconnect(),
  })
}

function checkDefinition(definition: unknown): void {
  const { compiled, load } = (definition ?? {}) as Partial<Record<string, unknown>>
  if (compiled !== undefined && typeof load === 'function') return
  const message = `createTestConfig() got ${kindOfValue(definition)}; expected what defineConfig() gives.`
  throw new LivetreeError('invalid_options', message)
}

/** A listener that sets whenever something was set would keep the test from ever ending. */
const MOST_IN_LISTENERS = 1_000

/** The `set` of a test configuration, which listeners may call while another one is on its way. */
class Setter<S extends $ZodType> {
  readonly #config: LiveConfig<DeepReadonly<output<S>>>
  readonly #store: TestStore
  #isSetting = false
  /** Set by listeners. */
  #later: object[] = []

  constructor(config: LiveConfig<DeepReadonly<output<S>>>, store: TestStore) {
    this.#config = config
    this.#store = store
  }

  set(patch: object): ChangeEvent<DeepReadonly<output<S>>> | undefined {
    if (typeof patch !== 'object' || patch === null || isPromise(patch)) {
      const message = `set() got ${kindOfValue(patch)}; expected an object with the values to change.`
      throw new LivetreeError('invalid_options', message)
    }
    if (this.#isSetting) {
      this.#later.push(patch)
      return undefined
    }
    this.#isSetting = true
    try {
      const change = this.#apply(patch, 'refuses the values')
      for (let count = 0; this.#later.length > 0; count++) {
        if (count === MOST_IN_LISTENERS) throw new Error('set() in a listener was called without end')
        this.#apply(this.#later.shift()!, 'refuses the values that were set in a listener')
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
    // in a listener of what another source has changed: it is taken when that is over
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

  /** @throws LivetreeError `invalid_config` when the schema refuses what was set; it is taken back */
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

/** What stands in for a store: everything it does is one revision. */
class TestStore implements Source {
  readonly name = 'test'
  readonly layers = [
    { name: 'test', keyPrefix: '', separator: '/', naming: 'exact', isNested: true },
  ] as const
  readonly isRemote = true
  #held: LeafMap
  #revision = 0
  #context: SourceContext | undefined = undefined
  /** What to go back to, while what is held may be bad. */
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

  /** To be followed by `keep` or `heal`, when it is known what the schema says. */
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
