import { expect, it } from 'vitest'
import { checkHistory, type History, type StoreEvent } from './check-history.ts'

function put(revision: number, key: string, text = '', createRevision = revision): StoreEvent {
  return { revision, type: 'put', key, createRevision, lease: 1n, text }
}

function remove(revision: number, key: string): StoreEvent {
  return { revision, type: 'delete', key, createRevision: 0, lease: 0n, text: '' }
}

const RIGHT: History = {
  events: [
    put(2, 'fire/lock/a'),
    put(3, 'fire/lock/b'),
    put(4, 'fire/register', '2 x'),
    remove(5, 'fire/lock/a'),
    put(6, 'fire/register', '3 y', 4),
    remove(7, 'fire/lock/b'),
  ],
  beliefs: [
    { token: 2, atMicros: 10 },
    { token: 3, atMicros: 20 },
    { token: 2, atMicros: 15 },
  ],
  acquired: [2, 3],
  taken: new Set(),
}

it('finds nothing in a history that is right', () => {
  expect(checkHistory(RIGHT)).toEqual([])
})

it.each<[string, Partial<History>, string]>([
  [
    'a write of one that waits',
    { events: RIGHT.events.toSpliced(2, 1, put(4, 'fire/register', '3 y')) },
    'at 4, 3 wrote while 2 held the lock',
  ],
  [
    'a write after the loss',
    { events: RIGHT.events.toSpliced(4, 1, put(6, 'fire/register', '2 x', 4)) },
    'at 6, 2 wrote while 3 held the lock',
  ],
  [
    'a write of the former holder after one of the next',
    { events: RIGHT.events.toSpliced(5, 0, put(7, 'fire/register', '2 x', 4)) },
    'at 7, 2 wrote after 3',
  ],
  [
    'two who rely on it at once',
    { beliefs: [...RIGHT.beliefs, { token: 2, atMicros: 21 }] },
    '2 relied on the lock at 21, when 3 had it already',
  ],
  ['one hold given twice', { acquired: [2, 3, 3] }, '3 was given twice'],
  ['a hold without a key', { acquired: [2, 9] }, '9 was given without a key in the queue'],
])('finds %s', (_, change, violation) => {
  expect(checkHistory({ ...RIGHT, ...change })).toContain(violation)
})

it('excuses a holder whose key was deleted by hand for what it believed, not for what it wrote', () => {
  const beliefs = [...RIGHT.beliefs, { token: 2, atMicros: 21 }]
  expect(checkHistory({ ...RIGHT, beliefs, taken: new Set([2]) })).toEqual([])
})
