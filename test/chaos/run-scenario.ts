import type { EtcdSeries } from '../../scripts/etcd/etcd-binaries.ts'
import type { History, Violation } from './history.ts'
import type { Scenario } from './scenarios/scenario.ts'
import { validate } from './validators/validate.ts'
import { Random } from './world/random.ts'
import { decodeChaosConfig } from './world/reference-decoder.ts'
import { startWorld } from './world/start-world.ts'

/** Options of {@link runScenario}. */
export interface RunOptions {
  /** What is drawn in the run comes from it. The order of what happens at once does not. */
  readonly seed: number
  readonly version: EtcdSeries
  /** With phases as short as they can be. Default false. */
  readonly isShort?: boolean
}

/** What came of one run. */
export interface RunResult {
  readonly scenario: string
  readonly about: string
  readonly seed: number
  readonly etcd: string
  readonly isShort: boolean
  readonly durationMs: number
  readonly consumers: number
  readonly writes: { readonly applied: number; readonly refused: number; readonly unknown: number }
  /** Events that watches were given, and states that configurations went through. */
  readonly deliveredEvents: number
  /** Connections that consumers made after the beginning. */
  readonly reconnects: number
  /** Stores that there were: more than one after a restore. */
  readonly epochs: number
  readonly violations: readonly Violation[]
}

/** A result, and what it was judged by: nothing where the world could not be brought to an end in order. */
export interface Run {
  readonly result: RunResult
  readonly history: History | undefined
}

/** Runs a scenario and judges it. What goes wrong on the way is a violation too. Throws when the world does not start. */
export const runScenario = async (
  scenario: Scenario,
  { seed, version, isShort = false }: RunOptions,
): Promise<Run> => {
  const startedAt = performance.now()
  const random = new Random(seed)
  await using started = await startWorld({ random, isShort, version, settings: scenario.settings ?? {} })
  const { world } = started
  const violations: Violation[] = []
  const fail = (validator: string) => (error: unknown) => {
    violations.push({ validator, where: scenario.name, what: (error as Error).message })
    return undefined
  }
  await scenario.run(world, random.fork()).catch(fail('scenario'))
  const end = await started.finish().catch(fail('world'))
  if (end !== undefined) violations.push(...end.violations, ...validate(end.history, decodeChaosConfig))
  const outcomes = world.writers.log.map(({ outcome }) => outcome.type)
  const count = (type: string) => outcomes.filter((each) => each === type).length
  return {
    history: end?.history,
    result: {
      scenario: scenario.name,
      about: scenario.about,
      seed,
      etcd: world.cluster.version,
      isShort,
      durationMs: Math.round(performance.now() - startedAt),
      consumers: world.consumers.watches.length + world.consumers.configs.length,
      writes: { applied: count('applied'), refused: count('refused'), unknown: count('unknown') },
      deliveredEvents: world.consumers.deliveredEvents,
      reconnects: end?.reconnects ?? 0,
      epochs: world.witness.epochCount,
      violations,
    },
  }
}
