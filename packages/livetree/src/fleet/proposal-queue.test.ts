import { expect, test } from 'vitest'
import { ProposalQueue } from './proposal-queue.ts'

const proposal = (id: string, text = 'x', layer = '/a') => ({ layer, id, text, writtenAt: 7 })

test('gives the first that came, each once', () => {
  const queue = new ProposalQueue()
  expect([queue.add(proposal('1')), queue.add(proposal('2')), queue.add(proposal('1', 'again'))]).toEqual([
    true,
    true,
    false,
  ])
  expect(queue.take()).toEqual(proposal('1'))
  expect(queue.add(proposal('1'))).toBe(false)
  expect(queue.add(proposal('1', 'x', '/b'))).toBe(true)
  expect(queue.take()).toEqual(proposal('2'))
  expect(queue.take()).toEqual(proposal('1', 'x', '/b'))
  expect(queue.take()).toBeUndefined()
})

test('holds at most 16, and at most 2 MiB of them, and takes others once there is room', () => {
  const many = new ProposalQueue()
  const added = Array.from({ length: 1_000 }, (_, index) => many.add(proposal(String(index))))
  expect(added.filter(Boolean)).toHaveLength(16)
  many.take()
  expect(many.add(proposal('later'))).toBe(true)
  expect(many.add(proposal('too late'))).toBe(false)

  const long = new ProposalQueue()
  const text = 'x'.repeat(500_000)
  expect(Array.from({ length: 6 }, (_, index) => long.add(proposal(String(index), text)))).toEqual([
    true,
    true,
    true,
    true,
    false,
    false,
  ])
  long.drop('/a', '2')
  expect(long.add(proposal('later', text))).toBe(true)
})

test('forgets what stands no more, of its layer alone', () => {
  const queue = new ProposalQueue()
  for (const id of ['1', '2', '3']) queue.add(proposal(id))
  queue.add(proposal('9', 'x', '/b'))
  queue.keep('/a', new Set(['2']))
  queue.drop('/a', 'never')
  expect([queue.take(), queue.take(), queue.take()].map((each) => each?.id)).toEqual(['2', '9', undefined])
})

test('remembers the last 256 that it gave, however many there were', () => {
  const queue = new ProposalQueue()
  for (let index = 0; index < 300; index++) {
    queue.add(proposal(String(index)))
    queue.take()
  }
  expect([43, 44, 299].map((index) => queue.add(proposal(String(index))))).toEqual([true, false, false])
})
