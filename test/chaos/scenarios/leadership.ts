import { whyNoNetworkHosts } from '../../support/network-hosts.ts'
import { waitFor } from '../../support/wait-for.ts'
import type { Scenario } from './scenario.ts'

/** Another member leads, again and again. */
export const leaderMoves: Scenario = {
  name: 'leader-moves',
  about: 'leadership is transferred to another member, again and again',
  async run({ members, cluster, writers, scaled }, random) {
    for (let round = 0; round < scaled(5, 25); round += 1) {
      const leader = await cluster.leader()
      const next = random.pick(members.filter((member) => member !== leader))
      // refused while the next one is behind, or an election is on
      await waitFor(() => cluster.moveLeader(next).then(() => true), {
        timeoutMs: 30_000,
        what: 'the leader to move',
      })
      await writers.written(random.between(1, 40))
    }
  },
}

/** A member loses the others, while clients still reach it. */
export const partitionedMember: Scenario = {
  name: 'partitioned-member',
  about: 'a member, sometimes the leader, is cut off from the other two; clients still reach it',
  // a member tells its watchers that it has no leader only after three election timeouts
  run: isolateInTurn(3_500, 2_000),
}

/**
 * A member loses everybody, as when its machine loses the network: packets go nowhere, and nobody is told.
 */
export const blackholedMember: Scenario = {
  name: 'blackholed-member',
  about:
    'a member is cut off from the others and from all consumers; connections to it are neither refused nor answered',
  settings: { writersRoute: true },
  async run({ members, cluster, routes, writersRoute, writers, last, scaled }, random) {
    for (let round = 0; round < scaled(2, 6); round += 1) {
      const member = random.pick(members)
      const ways = [...routes, writersRoute!].map(({ proxies }) => proxies[members.indexOf(member)]!)
      cluster.isolate(member)
      for (const way of ways) way.stall()
      await last(3_000, scaled(4_500, 12_000))
      for (const way of ways) {
        way.flow()
        if (random.chance(0.5)) way.cutAll()
      }
      cluster.rejoin()
      await writers.written(random.between(1, 40))
    }
  },
}

/** The same in the kernel: a member's host loses its network, and connections to it stay half open. */
export const cutOffHost: Scenario = {
  name: 'cut-off-host',
  about:
    'members run on hosts of their own (network namespaces); one, sometimes the leader, is disconnected, and half of the consumers are connected to it directly',
  settings: { hosts: true, nameEndpoints: (route, ways, members) => (route === 0 ? ways : members) },
  whyNot: whyNoNetworkHosts,
  run: isolateInTurn(3_000, 3_000),
}

/**
 * Isolates the leader and some other member by turns, for these times at least in a short and in a long run.
 */
function isolateInTurn(shortMs: number, longMs: number): Scenario['run'] {
  return async ({ members, cluster, writers, last, scaled }, random) => {
    for (let round = 0; round < scaled(2, 6); round += 1) {
      const leader = await cluster.leader()
      const member = round % 2 === 0 ? leader : random.pick(members.filter((each) => each !== leader))
      cluster.isolate(member)
      await last(scaled(shortMs, longMs), scaled(4_500, 12_000))
      cluster.rejoin()
      await writers.written(random.between(1, 40))
    }
  }
}
