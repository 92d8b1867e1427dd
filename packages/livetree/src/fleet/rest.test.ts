import { expect, test } from 'vitest'
import { Rest } from './rest.ts'

function restAt(now: number) {
  const clock = { now: () => clock.time, time: now }
  return { clock, rest: new Rest(clock) }
}

test('lasts as long as it was begun for', () => {
  const { clock, rest } = restAt(1_000)
  expect(rest.leftMs()).toBe(0)
  rest.begin(50)
  clock.time += 20
  expect(rest.leftMs()).toBe(30)
  clock.time += 40
  expect(rest.leftMs()).toBe(0)
  rest.begin(50)
  rest.end()
  expect(rest.leftMs()).toBe(0)
})

test('lasts no longer for a clock that is set back, and ends for one that is set ahead', () => {
  const { clock, rest } = restAt(10_000_000)
  rest.begin(50)
  clock.time -= 3_600_000
  expect(rest.leftMs()).toBe(50)
  clock.time += 20
  expect(rest.leftMs()).toBe(30)
  clock.time += 3_600_000
  expect(rest.leftMs()).toBe(0)
})
