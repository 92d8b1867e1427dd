import type { $ZodType, input, output } from 'zod/v4/core'
import type { DeepReadonly } from '../deep-readonly.ts'
import type { ConfigDefinition } from '../config-definition.ts'
import { LivetreeError } from '../errors.ts'
import type { ChangeEvent } from '../events/change-event.ts'
import { checkOptions, type OptionTable } from '../check-options.ts'
import { kindOfValue } from '../kind-of-value.ts'
import { disown } from '../callback.ts'
import { isPromise } from '../promises-in.ts'
import { assertValues } from '../source/assert-values.ts'
import type { LiveConfig } from '../live-config.ts'
import type { LoadOptions } from '../startup/load-options.ts'
import type { RejectedEvent } from '../updates/rejection.ts'
import { Keyring, keyring } from '../keyring/keyring.ts'
import { load } from '../load.ts'
import { list, logger as loggerKind, milliseconds, withMethods } from '../option-kinds.ts'
import type { Source } from '../source/source.ts'
import { Setter } from './setter.ts'
import { TestStore } from './test-store.ts'

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
  /** Opens encrypted values of `sources`. Default: plain text stands for them, as the test's values do. */
  readonly keys?: LoadOptions['keys']
}

const OPTIONS: OptionTable = {
  sources: list,
  clock: withMethods('now', 'setTimeout', 'clearTimeout'),
  logger: loggerKind,
  maxStalenessMs: milliseconds,
  keys: { expected: 'what keyring() returns', test: (keys) => keys instanceof Keyring },
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
  const { sources = [], keys = keyring({ plaintext: 'accept' }), ...loadOptions } = options
  const store = new TestStore(initial as object)
  const given = { ...loadOptions, keys, sources: [...sources, store], staleAfterMs: Number.POSITIVE_INFINITY }
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
