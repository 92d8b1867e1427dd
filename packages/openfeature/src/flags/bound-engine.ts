import { partsOf } from './rule-cost.ts'
import type { StepMeter } from './step-meter.ts'

type Evaluate = (args: unknown, context: unknown, above: unknown, engine: Engine) => unknown

/** An operator. A lazy one evaluates its arguments itself. */
interface Operator {
  readonly method: Evaluate
  readonly lazy?: boolean
  readonly optimizeUnary?: unknown
  readonly deterministic?: unknown
}

/** The part of json-logic-engine's `LogicEngine` that is used: each flag has an engine of its own. */
export interface Engine {
  readonly methods: Record<string, Operator | (Evaluate & Omit<Operator, 'method'>)>
  truthy(value: unknown): unknown
}

/** Operators that evaluate their second argument for each item of their first. */
const ITERATING: readonly string[] = ['map', 'filter', 'some', 'all', 'every', 'none', 'reduce']

/** Operators that look into nothing that they are given; the engine has `var` and `val` in its plans for rules. */
const READING_NOTHING: readonly string[] = ['var', 'val', '!', '!!', 'not', 'preserve', 'throw']

/** The names of operators of this file. A rule cannot have them: flagd-core has looked through it before they are there. */
const STEP = 'livetree.step'
const FOLD = 'livetree.fold'

/** Has the operators of an engine tell a meter what they do. What they give stays the same. */
export function boundEngine(engine: Engine, meter: StepMeter): void {
  for (const [name, operator] of Object.entries(engine.methods)) {
    if (ITERATING.includes(name))
      engine.methods[name] = iterating(asOperator(operator), name === 'reduce' ? FOLD : STEP)
    else if (operator.lazy !== true && !READING_NOTHING.includes(name))
      engine.methods[name] = reading(asOperator(operator), meter)
  }
  engine.methods[STEP] = stepping(([parts, value]) => {
    meter.evaluateParts(parts)
    return value
  })
  engine.methods[FOLD] = stepping(([parts, value]) => {
    meter.evaluateParts(parts)
    // The engine looks through what is carried on, each time.
    meter.read(value)
    meter.listNames(value)
    return value
  })
  const truthy = engine.truthy.bind(engine)
  engine.truthy = (value) => {
    meter.listNames(value)
    return truthy(value)
  }
}

function asOperator(operator: Engine['methods'][string]): Operator {
  if (typeof operator !== 'function') return operator
  const { lazy = false, optimizeUnary, deterministic } = operator
  return { method: operator, lazy, optimizeUnary, deterministic }
}

/** An operator that counts what it is given, and what it makes of it. */
function reading(operator: Operator, meter: StepMeter): Operator {
  return {
    ...operator,
    method: (args, context, above, engine) => {
      meter.read(args)
      const result = operator.method(args, context, above, engine)
      if (typeof result === 'string') meter.built(result.length)
      return result
    },
  }
}

/** An operator whose second argument counts each time it is evaluated. */
function iterating(operator: Operator, step: string): Operator {
  // By arguments: the engine keeps a plan for each rule that it has met.
  const counted = new WeakMap<object, readonly unknown[]>()
  return {
    ...operator,
    method: (args, context, above, engine) => {
      if (!Array.isArray(args)) return operator.method(args, context, above, engine)
      const known = counted.get(args)
      const [list, rule, ...others] = args as readonly unknown[]
      const given = known ?? [list, { [step]: [partsOf(rule), rule] }, ...others]
      if (known === undefined) counted.set(args, given)
      return operator.method(given, context, above, engine)
    },
  }
}

/** An operator of this file, with the parts of a rule, and what the rule has given. */
function stepping(step: (given: [parts: number, value: unknown]) => unknown): Operator {
  return { method: (args) => step(args as [number, unknown]), lazy: false, deterministic: false }
}
