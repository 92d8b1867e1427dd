import type { $ZodType, input, output } from 'zod/v4/core'
import type { DeepReadonly } from '../deep-readonly.ts'
import type { ConfigDefinition } from '../define-config.ts'
import { describeIssues, LivetreeError } from '../errors.ts'
import type { ChangeEvent } from '../live/change-event.ts'
import type { LiveConfig } from '../live/live-config.ts'
import type { LoadOptions } from '../live/load-options.ts'
import type { RejectedEvent } from '../live/rejection.ts'
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
   * @returns the change, or undefined when nothing came of it
   * @throws LivetreeError `invalid_config` when the schema refuses the values; they are taken back
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
  const { sources = [], ...loadOptions } = options
  const store = new TestStore(initial as object)
  const given = { ...loadOptions, sources: [...sources, store], staleAfterMs: Number.POSITIVE_INFINITY }
  // never gives way to other work, so that a patch is in service when `set` returns
  const config = await load(definition, given, Number.POSITIVE_INFINITY)

  const set = (patch: DeepPartial<input<S>>): ChangeEvent<DeepReadonly<output<S>>> | undefined => {
    let change: ChangeEvent<DeepReadonly<output<S>>> | undefined
    const stop = config.on('change', (event) => {
      change = event
    })
    store.set(patch as object)
    stop()
    const { rejected } = config.status
    if (rejected === undefined) {
      store.keep()
      return change
    }
    store.heal()
    const { issues } = rejected
    const heading = `Configuration "${definition.name}" refuses the values:`
    throw new LivetreeError('invalid_config', describeIssues(heading, issues), { issues })
  }
  const reject = (patch?: object): RejectedEvent => {
    if (patch === undefined) store.spoil()
    else store.set(patch)
    const { rejected } = config.status
    if (rejected !== undefined) return rejected
    store.heal()
    throw new Error(`Configuration "${definition.name}" accepts the values that were meant to be rejected`)
  }
  return Object.assign(config, {
    set,
    reject,
    heal: () => store.heal(),
    disconnect: (reason = 'disconnected by the test') => store.disconnect(reason),
    reconnect: () => store.reconnect(),
  })
}

/** What stands in for a store: everything it does is one revision. */
class TestStore implements Source {
  readonly name = 'test'
  readonly layers = [{ name: 'test', keyPrefix: '', separator: '/', naming: 'exact' }] as const
  readonly isRemote = true
  #held: LeafMap
  #revision = 0
  #context: SourceContext | undefined = undefined
  /** What to go back to, while what is held may be bad. */
  #good: readonly Leaf[] | undefined = undefined

  constructor(initial: object) {
    this.#held = new LeafMap(flatten(initial))
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
