/** Ways to make the server misbehave, for tests of what stands on it. Each lasts until it is taken back. */
export interface Faults {
  /** Resets every open stream (watches, keep-alives), as a dying proxy does. Connections stay. */
  dropStreams(): void
  /** Cuts every connection, with whatever is under way on it. */
  dropConnections(): void
  /** Refuses new connections at the TCP level, or takes them again. Standing ones stay: see `dropConnections`. */
  refuseConnections(isRefused: boolean): Promise<void>
  /** Holds back every answer to a unary call by this many milliseconds; 0 ends it. The call is applied at once. */
  delayAnswers(delayMs: number): void
  /** Applies the next unary calls, so many of them, and resets each instead of answering. */
  loseAnswers(count: number): void
  /** Behaves as a member that sees no leader, or as one that sees it again. */
  loseLeader(isLost: boolean): void
  /** Takes all auth tokens back, as a restart does. */
  expireTokens(): void
  /** Compacts at a revision; by default at the newest. */
  compact(revision?: number): Promise<void>
}

/** The faults that the gRPC layer looks at with each call. */
export interface CallFaults {
  delayMs: number
  answersToLose: number
  hasNoLeader: boolean
}

export function noFaults(): CallFaults {
  return { delayMs: 0, answersToLose: 0, hasNoLeader: false }
}
