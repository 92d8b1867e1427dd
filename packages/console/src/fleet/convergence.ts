import type { InstanceRecord } from '@livetree/admin'
import type { ConvergencePoint, ConvergenceView, LaggardView } from '../wire/index.ts'

/** A write to some layers. */
export interface WriteMark {
  readonly revision: number
  /** In ms since the Unix epoch. */
  readonly at: number
  /** The prefixes of the layers. */
  readonly layers: readonly string[]
}

/** What an instance had got to at a time. */
export interface ReachedStep {
  readonly applied: number
  readonly at: number
}

/** An instance, and what it got to one after the other, the oldest first. */
export interface ObservedInstance {
  readonly record: InstanceRecord
  readonly steps: readonly ReachedStep[]
}

/** The most instances that are named. */
const MOST_LAGGARDS = 20

/**
 * How the newest writes got to the instances. A write is left out if an instance that was running at the time was first observed
 * with that write in service: its delay is not known.
 *
 * @param writes the oldest first
 */
export function convergenceOf(
  writes: readonly WriteMark[],
  instances: readonly ObservedInstance[],
  now: number,
): ConvergenceView {
  const points = writes.flatMap((write) => pointOf(write, concernedBy(write, instances)))
  const newest = writes.at(-1)
  const behind =
    newest === undefined
      ? []
      : concernedBy(newest, instances).filter(({ record }) => record.applied < newest.revision)
  return {
    now,
    points,
    newest: newest?.revision ?? 0,
    laggards: behind.slice(0, MOST_LAGGARDS).map(laggardView),
    moreLaggards: Math.max(0, behind.length - MOST_LAGGARDS),
  }
}

/** The instances that ran when it was written, and read one of its layers. */
function concernedBy(
  { at, layers }: WriteMark,
  instances: readonly ObservedInstance[],
): readonly ObservedInstance[] {
  return instances.filter(
    ({ record }) =>
      record.startedAt <= at &&
      record.layers.some(({ prefix }) =>
        layers.some((layer) => isInside(layer, prefix) || isInside(prefix, layer)),
      ),
  )
}

function isInside(prefix: string, other: string): boolean {
  return `${prefix}/`.startsWith(`${other}/`)
}

function pointOf(
  { revision, at }: WriteMark,
  concerned: readonly ObservedInstance[],
): readonly ConvergencePoint[] {
  const delays: number[] = []
  for (const { steps } of concerned) {
    const index = steps.findIndex(({ applied }) => applied >= revision)
    if (index === 0) return []
    const step = steps[index]
    // By the clock of its machine, which may be behind.
    if (step !== undefined) delays.push(Math.max(0, step.at - at))
  }
  if (concerned.length === 0) return []
  delays.sort((a, b) => a - b)
  const quantile = (part: number) => delays[Math.ceil(part * concerned.length) - 1]
  const behind = concerned.length - delays.length
  return [{ revision, at, half: quantile(0.5), most: quantile(0.99), count: concerned.length, behind }]
}

function laggardView({ record }: ObservedInstance): LaggardView {
  const { name, id, host, applied, verdict } = record
  return { name, id, host, applied, isRejected: verdict === 'rejected' }
}
