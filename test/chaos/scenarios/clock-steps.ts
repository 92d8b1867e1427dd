import type { Clock } from '@livetree/etcd'
import type { Scenario } from './scenario.ts'

const hourMs = 3_600_000

let stepMs = 0

/** The machine's clock, put forward or back; timers are not touched by that, as on a real machine. */
const steppedClock: Clock = {
  now: () => Date.now() + stepMs,
  setTimeout: (run, ms) => setTimeout(run, ms).unref(),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
}

/** Wall time jumps under the consumers, while members and connections come and go. */
export const clockSteps: Scenario = {
  name: 'clock-steps',
  about:
    "the consumers' wall clock jumps by an hour, forward and back, while connections are cut and a member is killed",
  settings: { clock: steppedClock },
  async run({ members, routes, writers, last, scaled }, random) {
    for (let round = 0; round < scaled(4, 16); round += 1) {
      stepMs += random.pick([-hourMs, hourMs])
      await writers.written(random.between(1, 30))
      if (random.chance(0.5)) random.pick(routes).cutAll()
      if (round % 4 === 3) {
        const member = random.pick(members)
        await member.kill()
        stepMs += random.pick([-hourMs, hourMs])
        await last(200, scaled(500, 2_000))
        await member.restart()
      }
      await last(0, 500)
    }
  },
}
