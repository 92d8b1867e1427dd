import { FeatureFlag, type FlagdCoreOptions } from '@openfeature/flagd-core'
import { ErrorCode, type EvaluationContext, GeneralError, type Logger } from '@openfeature/server-sdk'
import { boundEngine, type Engine } from './bound-engine.ts'
import { isCostly, partsOf } from './rule-cost.ts'
import { MOST_STEPS, StepMeter, StepsSpentError } from './step-meter.ts'

/** A flag as flagd-core is given it. */
export type GivenFlag = ConstructorParameters<typeof FeatureFlag>[1]

/** What flagd-core evaluates a rule with. It keeps it to itself. */
interface Targeting {
  readonly _engine?: Engine
  evaluate(key: string, context: EvaluationContext, logger?: Logger): unknown
}

/** No text out of the store is compiled to code. */
export const INTERPRETED: FlagdCoreOptions = { disableDynamicCodeGeneration: true }

/**
 * A flag of flagd-core whose evaluation takes a bounded number of steps, and whose errors say nothing of the context. A rule
 * that cannot take many is evaluated by flagd-core alone.
 */
export class BoundedFlag extends FeatureFlag {
  #isRefused = false

  /** @throws GeneralError if flagd-core does not let the steps of a rule be counted; whatever it throws for a malformed flag */
  constructor(key: string, flag: GivenFlag, logger: Logger) {
    super(key, flag, logger, INTERPRETED)
    if (isCostly(flag.targeting)) this.#bound(flag.targeting)
  }

  override evaluate(context: EvaluationContext, logger?: Logger): ReturnType<FeatureFlag['evaluate']> {
    this.#isRefused = false
    const details = super.evaluate(context, logger)
    return details.errorCode === ErrorCode.GENERAL
      ? { ...details, errorMessage: this.#wordsFor(details.errorMessage) }
      : details
  }

  /** Never what the targeting gave: it may be of the context, and a message is logged and put into traces. */
  #wordsFor(message = ''): string {
    if (this.#isRefused) return `The targeting of the flag "${this.key}" takes more than ${MOST_STEPS} steps`
    return message.startsWith('Variant ')
      ? `The targeting of the flag "${this.key}" gives no variant of it`
      : message
  }

  #bound(rule: unknown): void {
    const targeting = Reflect.get(this, '_targeting') as Targeting | undefined
    // A rule that flagd-core refuses is never evaluated.
    if (targeting === undefined && Reflect.get(this, '_targetingParseErrorMessage') !== undefined) return
    if (targeting?._engine === undefined)
      throw new GeneralError(`The steps of the flag "${this.key}" cannot be counted with this flagd-core`)
    const meter = new StepMeter()
    boundEngine(targeting._engine, meter)
    const evaluate = targeting.evaluate.bind(targeting)
    const parts = partsOf(rule)
    targeting.evaluate = (key, context, logger) => {
      try {
        return meter.during([context, rule], () => {
          meter.evaluateParts(parts)
          const result = evaluate(key, context, logger)
          // It is made a text, with the lists in it, and those that they share as often as they do.
          meter.read(result)
          return result
        })
      } catch (error) {
        this.#isRefused = error instanceof StepsSpentError
        throw error
      }
    }
  }
}
