import { type DeepReadonly, type LiveConfig, LivetreeError } from '@livetree/core'
import {
  adopt,
  assertLiveConfig,
  callAtOnce,
  checkOptions,
  disown,
  isPromise,
  kindOfValue,
  type OptionTable,
  optionKinds,
} from '@livetree/core/adapter'
import {
  type EvaluationContext,
  type FlagValue,
  type FlagValueType,
  GeneralError,
  type JsonValue,
  type Logger,
  OpenFeatureError,
  OpenFeatureEventEmitter,
  type Provider,
  ProviderFatalError,
  ProviderNotReadyError,
  type ResolutionDetails,
} from '@openfeature/server-sdk'
import { FlagdFormat } from './flags/flagd-flags.ts'
import type { FlagFormat, Flags, Question } from './flags/flags.ts'
import { PLAIN_FLAGS } from './flags/plain-flags.ts'
import { followFlags } from './follow-flags.ts'
import type { FlagSet } from './schema/index.ts'

/** Options of `LivetreeProvider`. */
export interface LivetreeProviderOptions {
  /**
   * How the selected part is read. `flagd`: flags in flagd's format, by `flagSetSchema`. `plain`: each property of the part
   * is a flag, and its value the flag's: a boolean, a text, a number, an object or a list. Default `flagd`.
   */
  readonly format?: 'flagd' | 'plain' | undefined
  /**
   * Whether a flag with targeting is an error, `TARGETING_KEY_MISSING`, where the evaluation context has no `targetingKey`.
   * Default false: as in flagd, a `fractional` without it gives the flag's default variant.
   */
  readonly requireTargetingKey?: boolean | undefined
}

const OPTION_TABLE: OptionTable = {
  format: optionKinds.oneOf('flagd', 'plain'),
  requireTargetingKey: optionKinds.flag,
}

/** A configuration, or the promise of `load()`. */
type Loading<T> = LiveConfig<T> | PromiseLike<LiveConfig<T>>

/** `initialize` waits for the configuration. */
interface Opening {
  readonly type: 'opening'
  readonly opened: Promise<void>
}

type State<T> =
  | { readonly type: 'closed' }
  | Opening
  | { readonly type: 'open'; readonly config: LiveConfig<T>; readonly stop: () => void }

/**
 * An OpenFeature provider for servers: evaluates the flags in a part of a configuration. In a pinned request, all evaluations
 * see the flags of its snapshot; elsewhere, the newest ones.
 *
 * It is READY once the configuration is loaded, also while the newest tree is rejected, since the last good flags stay in
 * service; STALE while the configuration is; and in ERROR, still with the last flags, once it is closed. Each change of flags
 * is a CONFIGURATION_CHANGED with their keys. The configuration stays the application's own: closing the provider does not
 * close it.
 */
export class LivetreeProvider<T> implements Provider {
  readonly metadata = { name: 'livetree' } as const
  readonly runsOn = 'server'
  readonly events = new OpenFeatureEventEmitter()
  readonly #loading: Loading<T>
  readonly #selector: (config: T) => unknown
  readonly #format: FlagFormat
  /** The flags of each state that somebody still holds. */
  readonly #flags = new WeakMap<object, Flags>()
  #state: State<T> = { type: 'closed' }

  /**
   * @param config a loaded configuration, or the promise of `load()`, which the application awaits itself, too
   * @param selector the part of the configuration that has the flags
   * @throws LivetreeError `invalid_options`
   */
  constructor(
    config: Loading<T>,
    selector: (config: T) => DeepReadonly<FlagSet>,
    options?: LivetreeProviderOptions & { readonly format?: 'flagd' | undefined },
  )
  constructor(
    config: Loading<T>,
    selector: (config: T) => object,
    options: LivetreeProviderOptions & { readonly format: 'plain' },
  )
  constructor(config: Loading<T>, selector: (config: T) => object, options: LivetreeProviderOptions = {}) {
    const call = 'LivetreeProvider'
    if (isPromise(config)) disown(config)
    else assertLiveConfig(call, config)
    if (selector === undefined)
      throw new LivetreeError('invalid_options', `${call} got no selector; expected a function.`)
    checkOptions(call, { selector }, { selector: optionKinds.callback })
    checkOptions(call, options, OPTION_TABLE)
    const { format = 'flagd', requireTargetingKey = false } = options
    this.#loading = config
    this.#selector = selector
    this.#format = format === 'plain' ? PLAIN_FLAGS : new FlagdFormat({ requireTargetingKey })
  }

  /**
   * Waits for the configuration, and follows it. For OpenFeature's SDK.
   *
   * @throws ProviderFatalError if the configuration cannot be loaded, is closed, or has no flags where the selector looks;
   *   GeneralError if its sources could not be reached
   */
  initialize(): Promise<void> {
    if (this.#state.type === 'open') return Promise.resolve()
    if (this.#state.type === 'opening') return this.#state.opened
    const opening: Opening = {
      type: 'opening',
      opened: this.#loaded().then((config) => this.#open(opening, config)),
    }
    this.#state = opening
    // A failure leaves it as it was before, to be initialized again.
    opening.opened.catch(() => {
      if (this.#state === opening) this.#state = { type: 'closed' }
    })
    return opening.opened
  }

  /** Stops following the configuration, which stays open. For OpenFeature's SDK. */
  async onClose(): Promise<void> {
    if (this.#state.type === 'open') this.#state.stop()
    this.#state = { type: 'closed' }
  }

  /** Evaluates a boolean flag. For OpenFeature's SDK. @throws OpenFeatureError */
  async resolveBooleanEvaluation(
    key: string,
    defaultValue: boolean,
    context: EvaluationContext,
    logger: Logger,
  ): Promise<ResolutionDetails<boolean>> {
    return this.#resolve('boolean', { key, defaultValue, context, logger })
  }

  /** Evaluates a text flag. For OpenFeature's SDK. @throws OpenFeatureError */
  async resolveStringEvaluation(
    key: string,
    defaultValue: string,
    context: EvaluationContext,
    logger: Logger,
  ): Promise<ResolutionDetails<string>> {
    return this.#resolve('string', { key, defaultValue, context, logger })
  }

  /** Evaluates a number flag. For OpenFeature's SDK. @throws OpenFeatureError */
  async resolveNumberEvaluation(
    key: string,
    defaultValue: number,
    context: EvaluationContext,
    logger: Logger,
  ): Promise<ResolutionDetails<number>> {
    return this.#resolve('number', { key, defaultValue, context, logger })
  }

  /** Evaluates an object flag. Its value is frozen. For OpenFeature's SDK. @throws OpenFeatureError */
  async resolveObjectEvaluation<V extends JsonValue>(
    key: string,
    defaultValue: V,
    context: EvaluationContext,
    logger: Logger,
  ): Promise<ResolutionDetails<V>> {
    return this.#resolve('object', { key, defaultValue, context, logger })
  }

  #resolve<V extends FlagValue>(
    type: FlagValueType,
    question: Omit<Question<V>, 'type'>,
  ): ResolutionDetails<V> {
    if (this.#state.type !== 'open')
      throw new ProviderNotReadyError('The provider is not initialized, or its configuration is not loaded')
    try {
      const part = this.#partOf(this.#state.config.pinned())
      const known = this.#flags.get(part)
      const flags = known ?? this.#format.open(part)
      if (known === undefined) this.#flags.set(part, flags)
      return flags.resolve({ type, ...question })
    } catch (error) {
      if (error instanceof OpenFeatureError) throw error
      throw new GeneralError(`The flag "${question.key}" could not be evaluated`, { cause: error })
    }
  }

  #open(opening: Opening, config: LiveConfig<T>): void {
    const part = this.#firstPartOf(config.current)
    // Closed meanwhile.
    if (this.#state !== opening) return
    this.#state = { type: 'open', config, stop: this.#follow(config, part) }
  }

  async #loaded(): Promise<LiveConfig<T>> {
    let config: unknown
    try {
      config = (await adopt(this.#loading)).value
      assertLiveConfig('LivetreeProvider', config)
    } catch (cause) {
      throw isUnreachable(cause)
        ? new GeneralError('The configuration could not be loaded, since its sources do not answer', {
            cause,
          })
        : new ProviderFatalError('The configuration could not be loaded', { cause })
    }
    if ((config as LiveConfig<T>).signal.aborted) throw new ProviderFatalError('The configuration is closed')
    return config as LiveConfig<T>
  }

  /** @throws ProviderFatalError */
  #firstPartOf(value: T): object {
    try {
      return this.#partOf(value)
    } catch (cause) {
      throw new ProviderFatalError(
        cause instanceof OpenFeatureError ? cause.message : 'The selector failed',
        { cause },
      )
    }
  }

  /** @throws GeneralError if the selector gives no part that has flags; whatever it throws */
  #partOf(value: T): object {
    const part: unknown = callAtOnce('The selector of LivetreeProvider', () => this.#selector(value))
    if (typeof part !== 'object' || part === null || Array.isArray(part))
      throw new GeneralError(`The selector gave ${kindOfValue(part)}; expected the part that has the flags`)
    const problem = this.#format.problemOf(part)
    if (problem === undefined) return part
    throw new GeneralError(`The part that the selector gave ${problem}`)
  }

  #follow(config: LiveConfig<T>, part: object): () => void {
    return followFlags(config, part, {
      select: (value) => this.#partOf(value),
      changedBetween: (previous, next) => this.#format.changedBetween(previous, next),
      events: this.events,
    })
  }
}

/** Whether `load` gave up because a store did not answer, which says nothing of the configuration. */
function isUnreachable(cause: unknown): boolean {
  const code: unknown =
    typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined
  return code === 'startup_timeout' || code === 'source_unavailable'
}
