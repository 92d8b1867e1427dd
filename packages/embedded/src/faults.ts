/** Injects faults into the server, for tests of its clients. Each lasts until it is reverted. */
export interface Faults {
  /** Resets every open stream (watches, keep-alives), as a failing proxy does. Connections stay open. */
  dropStreams(): void
  /** Closes every connection, with all calls in progress on it. */
  dropConnections(): void
  /** Refuses new connections at the TCP level, or accepts them again. Existing ones stay open: see `dropConnections`. */
  refuseConnections(isRefused: boolean): Promise<void>
  /** Delays every response to a unary call by this many milliseconds; 0 ends it. The call is applied immediately. */
  delayAnswers(delayMs: number): void
  /** Applies the next unary calls, this many of them, but resets each instead of responding. */
  loseAnswers(count: number): void
  /** Behaves like a member that has lost its leader, or that has one again. */
  loseLeader(isLost: boolean): void
  /** Invalidates all auth tokens, as a restart does. */
  expireTokens(): void
  /** Compacts at a revision. Default: the newest one. */
  compact(revision?: number): Promise<void>
}

/** The faults that the gRPC layer checks for each call. */
export interface CallFaults {
  delayMs: number
  answersToLose: number
  hasNoLeader: boolean
}

/** Creates `CallFaults` with no fault active. */
export function noFaults(): CallFaults {
  return { delayMs: 0, answersToLose: 0, hasNoLeader: false }
}
