import { expect, test } from 'vitest'
import type { Clock } from '../clock.ts'
import { SilenceWatch } from './silence-watch.ts'

/** What a peer does between two pings. */
interface Round {
  readonly bytes?: number
  readonly isAnswered?: boolean
}

const PING_MS = 5_000

/** The round after which a connection is found silent; undefined if it never is. */
function silentAfter(rounds: readonly Round[]): number | undefined {
  let check: (() => void) | undefined
  let silentAt: number | undefined
  let now = 0
  const peer = { provenAt: 0, activityCount: 0, bytesRead: 0, openCalls: 1, isProven: true }
  const clock = {
    setTimeout: (run: () => void) => {
      check = run
      return run
    },
    clearTimeout: () => undefined,
  } as unknown as Clock
  const watch = new SilenceWatch(clock, { intervalMs: PING_MS }, () => {
    silentAt ??= now
  })
  watch.start(peer)
  for (const { bytes = 0, isAnswered = false } of rounds) {
    now += 1
    peer.bytesRead += bytes
    if (bytes > 0 || isAnswered) peer.activityCount += 1
    if (isAnswered) peer.provenAt = now
    const run = check
    check = undefined
    run?.()
  }
  return silentAt
}

const many = (round: Round, count: number): Round[] => Array.from({ length: count }, () => round)

test.each<readonly [string, readonly Round[], number | undefined]>([
  ['a peer that answers', many({ isAnswered: true }, 50), undefined],
  ['a peer that sends nothing', many({}, 10), 3],
  ['a peer whose data trickles, and that answers no ping', many({ bytes: 1_000 }, 20), 6],
  // 6 MB at 100 kB a second: the answer to each ping waits behind them.
  ['a list over a slow link', [...many({ bytes: 500_000 }, 12), { isAnswered: true }], undefined],
  [
    'a window that is used up by a peer that hears nothing',
    [...many({ bytes: 4_000_000 }, 4), ...many({}, 5)],
    7,
  ],
  [
    'a slow link whose data trickles after it',
    [...many({ bytes: 500_000 }, 12), ...many({ bytes: 100 }, 8)],
    18,
  ],
])('%s', (_name, rounds, expected) => {
  expect(silentAfter(rounds)).toBe(expected)
})
