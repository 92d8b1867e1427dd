import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { backOffMs } from './back-off.ts'
import { type Connection, type Opened, StoreFollower } from './follow-store.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const error = { code: 'not_signed_in', message: 'Sign in', issues: [], conflicts: [] }

function streamOf(...events: readonly string[]): Opened {
  const text = events.map((event) => `${event}\n\n`).join('')
  const start = (to: ReadableStreamDefaultController<Uint8Array>) => {
    to.enqueue(new TextEncoder().encode(text))
    to.close()
  }
  return { type: 'stream', body: new ReadableStream({ start }) }
}

/** What a page is told by a console that answers like this, one attempt after the other; undefined: not at all. */
async function told(answers: readonly (Opened | undefined)[], forMs: number) {
  const connections: string[] = []
  const revisions: number[] = []
  let attempts = 0
  const stop = new AbortController()
  const follower = new StoreFollower(
    {
      onRevision: (revision) => void revisions.push(revision),
      onLive: () => {},
      onTrouble: () => {},
      onConnection: (connection: Connection) =>
        void connections.push(connection.type === 'away' ? `${connection.of} away` : connection.type),
      position: () => undefined,
    },
    async () => {
      const answer = answers[attempts++]
      if (answer === undefined) throw new Error('no answer')
      return answer
    },
  )
  const following = follower.follow(stop.signal)
  await vi.advanceTimersByTimeAsync(forMs)
  stop.abort()
  await vi.advanceTimersByTimeAsync(60_000)
  await following
  return { connections, revisions, attempts }
}

test('StoreFollower: connected is who has heard of the store, and not who has a stream', async () => {
  const hung: Opened = {
    type: 'stream',
    body: new ReadableStream({ start: (to) => void setTimeout(() => to.close(), 20_000) }),
  }
  expect((await told([hung], 19_000)).connections).toEqual([])
  const away = ['event: away\ndata: 5']
  const back = await told([streamOf('event: revision\ndata: 7', ...away, 'event: revision\ndata: 8')], 100)
  expect(back).toMatchObject({
    connections: ['live', 'store away', 'live', 'console away'],
    revisions: [7, 8],
  })
  const lost = await told([streamOf(...away), streamOf(...away), streamOf('event: revision\ndata: 9')], 4_000)
  expect(lost.connections).toEqual(['store away', 'live', 'console away'])
})

test('StoreFollower: a console that does not answer is asked more and more seldom', async () => {
  const { attempts, connections } = await told([], 600_000)
  expect(connections).toEqual(['console away'])
  expect(attempts).toBeGreaterThan(40)
  expect(attempts).toBeLessThan(100)
})

test('StoreFollower: who is refused is not asked for again', async () => {
  const { attempts, connections } = await told([undefined, { type: 'refused', error }], 600_000)
  expect({ attempts, connections }).toEqual({ attempts: 2, connections: ['console away', 'refused'] })
})

test('backOffMs doubles up to 15 seconds, by half at random', () => {
  const range = (failures: number) => [backOffMs(failures, () => 0), backOffMs(failures, () => 1)]
  expect([1, 2, 3, 9].map(range)).toEqual([
    [500, 1_000],
    [1_000, 2_000],
    [2_000, 4_000],
    [7_500, 15_000],
  ])
})
