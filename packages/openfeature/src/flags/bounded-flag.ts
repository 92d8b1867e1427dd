import { FeatureFlag, type FlagdCoreOptions } from '@openfeature/flagd-core'
import { ErrorCode, type EvaluationContext, type Logger } from '@openfeature/server-sdk'
import { boundedEvaluate, hasRule, targetingOf } from './bounded-targeting.ts'
import { MOST_STEPS, StepsSpentError } from './step-meter.ts'

/** A flag as flagd-core is given it. */
export type GivenFlag = ConstructorParameters<typeof FeatureFlag>[1]

/** No text out of the store is compiled to code. */
export const INTERPRETED: FlagdCoreOptions = { disableDynamicCodeGeneration: true }

/**
 * A flag of flagd-core whose evaluation takes a bounded number of steps, and whose errors say nothing of the context. A
 * short rule that reads little of the context is evaluated by flagd-core alone.
 */
export class BoundedFlag extends FeatureFlag {
  #isRefused = false

  /** @throws GeneralError if flagd-core does not let the steps of a rule be counted; whatever it throws for a malformed flag */
  constructor(key: string, flag: GivenFlag, logger: Logger) {
    super(key, flag, logger, INTERPRETED)
    if (hasRule(this, flag.targeting)) this.#bound(flag, logger)
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

  #bound(flag: GivenFlag, logger: Logger): void {
    const targeting = targetingOf(this)
    const another = () => targetingOf(new FeatureFlag(this.key, flag, logger, INTERPRETED))
    const evaluate = boundedEvaluate(targeting, flag.targeting, another)
    targeting.evaluate = (...given) => {
      try {
        return evaluate(...given)
      } catch (error) {
        this.#isRefused = error instanceof StepsSpentError
        throw error
      }
    }
  }
}
