import type { Scenario } from './scenario.ts'

/** Members are killed, one after the other. */
export const killInTurn: Scenario = {
  name: 'kill-in-turn',
  about: 'each member in turn is killed (SIGKILL) and restarted',
  async run({ members, writers, last, scaled }, random) {
    for (let round = 0; round < scaled(1, 4); round += 1) {
      for (const member of random.shuffle(members)) {
        await member.kill()
        await last(100, scaled(600, 3_000))
        await member.restart()
        await writers.written(random.between(1, 30))
      }
    }
  },
}

/** Members are asked to stop, one after the other: they say goodbye, and keep their streams for a while. */
export const stopInTurn: Scenario = {
  name: 'stop-in-turn',
  about: 'each member in turn is stopped (SIGTERM) and restarted',
  async run({ members, writers, last, scaled }, random) {
    for (let round = 0; round < scaled(1, 2); round += 1) {
      for (const member of random.shuffle(members)) {
        await member.stop('SIGTERM')
        await last(0, scaled(300, 3_000))
        await member.restart()
        await writers.written(random.between(1, 30))
      }
    }
  },
}

/** The whole cluster is away for a while. */
export const allDown: Scenario = {
  name: 'all-down',
  about: 'all members are killed at once and restarted after a while',
  async run({ members, writers, last, scaled }) {
    for (let round = 0; round < scaled(1, 4); round += 1) {
      await Promise.all(members.map((member) => member.kill()))
      await last(500, scaled(1_500, 8_000))
      await Promise.all(members.map((member) => member.restart()))
      await writers.written(30)
    }
  },
}

/** Members freeze: their connections stay open and nothing answers. */
export const frozenMember: Scenario = {
  name: 'frozen-member',
  about: 'each member in turn is frozen (SIGSTOP), for up to 10 s',
  async run({ members, cluster, writers, last, scaled }, random) {
    for (let round = 0; round < scaled(1, 2); round += 1) {
      const leader = await cluster.leader()
      const others = random.shuffle(members.filter((member) => member !== leader))
      for (const member of [leader, ...others].slice(0, scaled(2, 3))) {
        await member.pause()
        await last(scaled(2_500, 4_000), scaled(4_000, 10_000))
        member.resume()
        await writers.written(random.between(1, 30))
      }
    }
  },
}
