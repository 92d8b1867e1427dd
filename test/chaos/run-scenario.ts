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

/** Runs a scenario and judges it. Throws when the world cannot even be started or healed. */
export const runScenario = async (
  scenario: Scenario,
  { seed, version, isShort = false }: RunOptions,
): Promise<{ readonly result: RunResult; readonly history: History }> => {
  const startedAt = performance.now()
  const random = new Random(seed)
  await using started = await startWorld({ random, isShort, version, settings: scenario.settings ?? {} })
  const { world } = started
  const failures: Violation[] = []
  try {
    await scenario.run(world, random.fork())
  } catch (error) {
    failures.push({ validator: 'scenario', where: scenario.name, what: (error as Error).message })
  }
  const { history, violations, reconnects } = await started.finish()
  const outcomes = history.writes.map(({ outcome }) => outcome.type)
  const count = (type: string) => outcomes.filter((each) => each === type).length
  const result: RunResult = {
    scenario: scenario.name,
    seed,
    etcd: world.cluster.version,
    isShort,
    durationMs: Math.round(performance.now() - startedAt),
    consumers: history.watches.length + history.configs.length,
    writes: { applied: count('applied'), refused: count('refused'), unknown: count('unknown') },
    deliveredEvents: world.consumers.deliveredEvents,
    reconnects,
    epochs: history.epochs.length,
    violations: [...failures, ...violations, ...validate(history, decodeChaosConfig)],
  }
  return { result, history }
}
