import { compactionWhileAway, restoredFromSnapshot } from './history-gone.ts'
import { blackholedMember, leaderMoves, partitionedMember } from './leadership.ts'
import { allDown, frozenMember, killInTurn, stopInTurn } from './members-end.ts'
import { cutAgainAndAgain, lostReplies, oneByteChunks, slowNetwork } from './network.ts'
import type { Scenario } from './scenario.ts'

/** All trouble that needs no cluster of its own kind. */
const mixed: readonly Scenario[] = [
  killInTurn,
  stopInTurn,
  allDown,
  frozenMember,
  leaderMoves,
  partitionedMember,
  blackholedMember,
  compactionWhileAway,
  restoredFromSnapshot,
  cutAgainAndAgain,
  oneByteChunks,
  lostReplies,
  slowNetwork,
]

/**
 * One trouble after the other on one cluster, until consumers were given so many events.
 *
 * @param onRound hears after each trouble what was delivered by then
 */
export const everythingUntil = (
  deliveredEvents: number,
  onRound: (delivered: number, trouble: string) => void = () => undefined,
): Scenario => ({
  name: 'everything',
  about: `one fault after the other on one cluster, until ${deliveredEvents} events were delivered`,
  settings: { writersRoute: true, pauseMs: 5 },
  async run(world, random) {
    while (world.consumers.deliveredEvents < deliveredEvents) {
      const { name, run } = random.pick(mixed)
      await run(world, random.fork())
      await world.heal()
      // most events come while there is no trouble, as in life
      await world.writers.written(500, 120_000)
      onRound(world.consumers.deliveredEvents, name)
    }
  },
})
