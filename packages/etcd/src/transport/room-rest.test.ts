import { expect, test } from 'vitest'
import { systemClock } from '../clock.ts'
import { RoomRest } from './room-rest.ts'

function start() {
  const timers: { readonly run: () => void; readonly ms: number }[] = []
  const cleared: unknown[] = []
  const freed: string[] = []
  const clock = {
    ...systemClock,
    setTimeout: (run: () => void, ms: number) => timers.push({ run, ms }),
    clearTimeout: (timer: unknown) => void cleared.push(timer),
  }
  return { rest: new RoomRest(clock), timers, cleared, freed, free: (name: string) => () => freed.push(name) }
}

test('RoomRest: each room for a quarter of the wait, half a second at most; that of an answered call not at all', () => {
  const { rest, timers, freed, free } = start()
  const [long, short, answered] = [{}, {}, {}]
  rest.begin(long, 8_000)
  rest.begin(short, 400)
  rest.end(long, free('long'))
  rest.end(answered, free('answered'))
  rest.end(short, free('short'))
  expect([rest.size, freed, timers.map(({ ms }) => ms)]).toEqual([2, ['answered'], [500, 100]])
  timers[1]?.run()
  timers[0]?.run()
  expect([rest.size, freed]).toEqual([0, ['answered', 'short', 'long']])
})

test('RoomRest: a connection that has ended leaves no timer, and rooms are free at once', () => {
  const { rest, timers, cleared, freed, free } = start()
  const [first, second] = [{}, {}]
  rest.begin(first, 8_000)
  rest.end(first, free('first'))
  rest.begin(second, 8_000)
  rest.stop()
  rest.end(second, free('second'))
  expect([cleared, timers.length, freed, rest.size]).toEqual([[1], 1, ['second'], 0])
})
