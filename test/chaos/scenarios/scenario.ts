import type { Random } from '../world/random.ts'
import type { World, WorldSettings } from '../world/start-world.ts'

/** One kind of trouble. */
export interface Scenario {
  /** As `--scenario` takes it. */
  readonly name: string
  /** What happens in it, for the report. */
  readonly about: string
  readonly settings?: WorldSettings
  /** Why this machine cannot run it, in a few words; undefined where it can. Default: any machine can. */
  readonly whyNot?: () => string | undefined
  /**
   * Makes the trouble. What it leaves broken is healed afterwards. Throws when the trouble could not be made, or when
   * something that it has to bring about did not come: a run like that proves nothing and counts as failed.
   */
  run(world: World, random: Random): Promise<void>
}
