import { expect, test } from 'vitest'
import { ResponseHeader } from '../wire/kv.ts'
import { RevisionFloor } from './revision-floor.ts'

function header(revision: number, clusterId = 1n): ResponseHeader {
  return ResponseHeader.decode(ResponseHeader.encode({ clusterId, revision }))
}

test('a linearizable answer that was asked for after the floor was learned lowers it', () => {
  const floor = new RevisionFloor()
  floor.learn(header(100), floor.mark)
  expect(floor.isBelow(header(99))).toBe(true)
  floor.learn(header(7), floor.mark)
  expect(floor.isBelow(header(99))).toBe(false)
  expect(floor.isBelow(header(6))).toBe(true)
})

test('an answer that was overtaken, or is serializable, does not', () => {
  const floor = new RevisionFloor()
  const before = floor.mark
  floor.learn(header(100), floor.mark)
  floor.learn(header(90), before)
  floor.learn(header(80))
  expect(floor.isBelow(header(99))).toBe(true)
  const early = floor.mark
  floor.learn(header(120), floor.mark)
  floor.learn(header(110), early)
  expect(floor.isBelow(header(119))).toBe(true)
})

test('an answer of the wiped store does not raise it again for one of the old store that comes late', () => {
  const floor = new RevisionFloor()
  floor.learn(header(100), floor.mark)
  floor.learn(header(7), floor.mark)
  floor.learn(header(3, 2n))
  expect(floor.isBelow(header(2, 2n))).toBe(true)
  expect(floor.isBelow(header(5))).toBe(false)
})
