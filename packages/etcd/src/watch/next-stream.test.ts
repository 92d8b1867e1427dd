import { expect, test } from 'vitest'
import { EtcdError } from '../errors.ts'
import type { Channel } from '../transport/transport.ts'
import { NextStream } from './next-stream.ts'
import { ManualClock } from './scripted-channel.test.kit.ts'
import type { WatchStream } from './watch-stream.ts'

function setUp(...urls: string[]) {
  const list = { urls }
  const clock = new ManualClock()
  const channel: Pick<Channel, 'endpoints'> = { endpoints: () => list.urls }
  const next = new NextStream({ channel: channel as Channel, clock }, 1_000)
  const at = (endpoint: string) => ({ endpoint, isHeard: true, isServing: false }) as WatchStream
  return { list, clock, next, at }
}

const NO_ROOM = new EtcdError('deadline_exceeded', { fate: 'not_sent' })

test.each([
  ['by another one', ['b']],
  ['by none', []],
])('an endpoint without room that is replaced %s is not asked first', (_, urls) => {
  const { list, next, at } = setUp('a')
  next.left(at('a'), NO_ROOM)
  expect(next.askFirstAt).toBe('a')
  list.urls = urls
  expect(next.askFirstAt).toBeUndefined()
  expect(next.isFull(at('a'))).toBe(false)
  // It is back, perhaps as another server.
  list.urls = ['a']
  expect(next.askFirstAt).toBeUndefined()
  expect(next.isFull(at('a'))).toBe(false)
})

test('an endpoint that had no room among others that left is forgotten with the next look', () => {
  const { list, next, at } = setUp('a', 'b')
  next.askFirst('a')
  next.askFirst('b')
  list.urls = ['b']
  expect(next.askFirstAt).toBe('b')
  list.urls = ['a', 'b']
  expect(next.isFull(at('a'))).toBe(false)
  expect(next.isFull(at('b'))).toBe(true)
})

test('an endpoint may have got room after a while', () => {
  const { clock, next, at } = setUp('a')
  next.askFirst('a')
  clock.advance(5 * 60_000)
  expect(next.isFull(at('a'))).toBe(true)
  expect(next.askFirstAt).toBe('a')
  clock.advance(10 * 60_000)
  expect(next.isFull(at('a'))).toBe(false)
  expect(next.askFirstAt).toBeUndefined()
})

test('where there are other endpoints, a stream that says nothing is left early, and later where all say nothing', () => {
  expect(setUp('a').next.firstMessageMs(10_000)).toBe(10_000)
  const { next } = setUp('a', 'b')
  const limits = [0, 1, 2, 3].map(() => {
    const limit = next.firstMessageMs(10_000)
    next.ended('silent')
    return limit
  })
  expect(limits).toEqual([2_500, 5_000, 10_000, 20_000])
})
