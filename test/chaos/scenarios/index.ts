import { clockSteps } from './clock-steps.ts'
import { compactionWhileAway, restoredFromSnapshot, slowConsumers } from './history-gone.ts'
import { blackholedMember, cutOffHost, leaderMoves, partitionedMember } from './leadership.ts'
import { allDown, frozenMember, killInTurn, stopInTurn } from './members-end.ts'
import { namesMove } from './names-change.ts'
import { cutAgainAndAgain, lostReplies, oneByteChunks, slowNetwork } from './network.ts'
import { noSpace } from './no-space.ts'
import type { Scenario } from './scenario.ts'
import { authSwitchedOn, expiringTokens, rotatedCertificates } from './who-may.ts'

/** Every scenario of the suite. */
export const scenarios: readonly Scenario[] = [
  killInTurn,
  stopInTurn,
  allDown,
  frozenMember,
  leaderMoves,
  partitionedMember,
  blackholedMember,
  cutOffHost,
  compactionWhileAway,
  slowConsumers,
  restoredFromSnapshot,
  cutAgainAndAgain,
  oneByteChunks,
  lostReplies,
  slowNetwork,
  expiringTokens,
  authSwitchedOn,
  rotatedCertificates,
  noSpace,
  namesMove,
  clockSteps,
]
