import type { FeatureFlag } from '@openfeature/flagd-core'
import { type EvaluationContext, GeneralError, type Logger } from '@openfeature/server-sdk'
import { boundEngine, type Engine } from './bound-engine.ts'
import { longestText, readingSteps } from './reading-steps.ts'
import { attributesOf, valuesOf } from './rule-attributes.ts'
import { isCostly, partsOf } from './rule-cost.ts'
import { MOST_STEPS, StepMeter, StepsSpentError } from './step-meter.ts'

/** Evaluates a rule for a context. */
type Evaluate = (key: string, context: EvaluationContext, logger?: Logger) => unknown

/** What flagd-core evaluates a rule with. It keeps it to itself. */
export interface Targeting {
  readonly _engine: Engine
  evaluate: Evaluate
}

/** What a rule reads of a context. */
type ReadValues = (context: object) => readonly unknown[]

/** To read what a short rule has of a context takes fewer steps than this mostly, and then the rule cannot take many. */
const FEW_STEPS = 1_000

/** Whether a flag has a rule that flagd-core evaluates. */
export function hasRule(flag: FeatureFlag, rule: unknown): boolean {
  return Object.keys(rule ?? {}).length > 0 && Reflect.get(flag, '_targetingParseErrorMessage') === undefined
}

/** @throws GeneralError if this flagd-core does not let the steps of a rule be counted */
export function targetingOf(flag: FeatureFlag): Targeting {
  const targeting: Partial<Targeting> | undefined = Reflect.get(flag, '_targeting')
  if (targeting?._engine === undefined)
    throw new GeneralError(`The steps of the flag "${flag.key}" cannot be counted with this flagd-core`)
  return targeting as Targeting
}

/**
 * The evaluation of a rule in a bounded number of steps, which throws StepsSpentError where it takes more. Steps are counted
 * where there may be many: a short rule that reads little of a context is evaluated as it is.
 *
 * @param another makes the targeting again, with an engine of its own
 */
export function boundedEvaluate(targeting: Targeting, rule: unknown, another: () => Targeting): Evaluate {
  const attributes = attributesOf(rule)
  const read = (context: object) => valuesOf(attributes, context)
  if (isCostly(rule)) return meteredEvaluate(targeting, rule, read)
  const alone = targeting.evaluate.bind(targeting)
  let metered: Evaluate | undefined
  return (key, context, logger) => {
    const steps = readingSteps(read(context), FEW_STEPS, 'read')
    if (steps <= FEW_STEPS) return alone(key, context, logger)
    if (steps > MOST_STEPS) throw new StepsSpentError()
    // Few contexts are large: a second engine is made for the first of them.
    metered ??= meteredEvaluate(another(), rule, read)
    return metered(key, context, logger)
  }
}

function meteredEvaluate(targeting: Targeting, rule: unknown, read: ReadValues): Evaluate {
  const meter = new StepMeter()
  boundEngine(targeting._engine, meter)
  const evaluate = targeting.evaluate.bind(targeting)
  const parts = partsOf(rule)
  const written = longestText([rule], Number.POSITIVE_INFINITY)
  return (key, context, logger) => {
    const longest = Math.max(written, longestText(read(context), MOST_STEPS))
    return meter.during(longest, () => {
      meter.evaluateParts(parts)
      // What a "fractional" buckets by, unless it says by what.
      meter.read(context.targetingKey)
      const result = evaluate(key, context, logger)
      // It is made a text, with the lists in it, and those that they share as often as they do.
      meter.read(result)
      return result
    })
  }
}
