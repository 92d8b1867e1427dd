import { expect, it } from 'vitest'
import { checkHistory } from './check-history.ts'
import type { HeldKind, History, Observation, StoreEvent } from './history.ts'

function put(revision: number, key: string, text = '', createRevision = revision): StoreEvent {
  return { revision, type: 'put', key: `fire/${key}`, createRevision, lease: 1n, text }
}

function remove(revision: number, key: string): StoreEvent {
  return { revision, type: 'delete', key: `fire/${key}`, createRevision: 0, lease: 0n, text: '' }
}

/** Calls take effect in the middle of the time that is given here. */
function held(kind: HeldKind, token: number, at: number): Observation {
  return { type: 'held', kind, token, who: 'x', start: at - 1, end: at + 1 }
}

function relied(kind: HeldKind, token: number, at: number): Observation {
  return { type: 'relied', kind, token, at }
}

function wrote(text: string, at: number): Observation {
  return { type: 'wrote', kind: 'lock', text, start: at - 1, end: at + 1 }
}

function released(token: number, at: number): Observation {
  return { type: 'released', kind: 'lock', token, start: at - 1, end: at + 1 }
}

function queued(
  id: string,
  at: number,
  fate: 'applied' | 'not_applied' | 'unknown' = 'applied',
): Observation {
  return { type: 'put', kind: 'queue', id, fate, start: at - 1, end: at + 1 }
}

function took(kind: 'queue' | 'jobs', id: string, at: number): Observation {
  return { type: 'took', kind, id, start: at - 1, end: at + 1 }
}

const LOCK: History = {
  events: [
    put(2, 'lock/a'),
    put(3, 'lock/b'),
    put(4, 'written/lock', '2 x'),
    remove(5, 'lock/a'),
    put(6, 'written/lock', '3 y', 4),
    remove(7, 'lock/b'),
  ],
  observations: [
    held('lock', 2, 20),
    relied('lock', 2, 30),
    wrote('2 x', 40),
    released(2, 50),
    held('lock', 3, 50),
    relied('lock', 3, 55),
    wrote('3 y', 60),
    released(3, 70),
  ],
  byHand: new Set(),
  taken: new Set(),
  killedTakers: 0,
}

const PERMITS: History = {
  ...LOCK,
  events: [
    put(2, 'permit/limit', '2'),
    put(3, 'permit/permits/a'),
    put(4, 'permit/permits/b'),
    put(5, 'permit/permits/c'),
    put(6, 'written/permit', '4 x'),
    remove(7, 'permit/limit'),
    remove(8, 'permit/permits/a'),
    put(9, 'written/permit', '5 x', 6),
    put(10, 'permit/limit', '2'),
  ],
  observations: [
    held('permit', 3, 30),
    held('permit', 4, 40),
    relied('permit', 3, 45),
    relied('permit', 4, 46),
    relied('permit', 3, 60),
    held('permit', 5, 80),
    relied('permit', 5, 85),
    relied('permit', 4, 90),
  ],
}

const QUEUE: History = {
  ...LOCK,
  events: [
    put(2, 'queue/1', 'one'),
    put(3, 'queue/2', 'two'),
    remove(4, 'queue/1'),
    remove(5, 'queue/2'),
    put(6, 'jobs/items/50000/1', 'job'),
    put(7, 'effects/job', 'x'),
    remove(7, 'jobs/items/50000/1'),
  ],
  observations: [
    queued('one', 20),
    queued('two', 30),
    queued('three', 35, 'not_applied'),
    took('queue', 'one', 40),
    took('queue', 'two', 50),
    took('jobs', 'job', 70),
  ],
}

it.each<[string, History]>([
  ['a lock', LOCK],
  ['a semaphore whose limit is deleted for a while', PERMITS],
  ['queues', QUEUE],
])('finds nothing in a history of %s that is right', (_, history) => {
  expect(checkHistory(history)).toEqual([])
})

/** The history with some of its events, or observations, replaced. */
function changed(history: History, change: Partial<History>): History {
  return { ...history, ...change }
}

it.each<[string, History, string]>([
  [
    'a write of one that waits',
    changed(LOCK, { events: LOCK.events.toSpliced(2, 1, put(4, 'written/lock', '3 z')) }),
    'lock: at 4, 3 wrote while 2 held it',
  ],
  [
    'a write after the loss',
    changed(LOCK, { events: LOCK.events.toSpliced(4, 1, put(6, 'written/lock', '2 x', 4)) }),
    'lock: at 6, 2 wrote while 3 held it',
  ],
  [
    'a write of the former holder after one of the next',
    changed(LOCK, { events: LOCK.events.toSpliced(5, 0, put(7, 'written/lock', '2 z', 4)) }),
    'lock: at 7, 2 wrote after 3',
  ],
  [
    'a proclamation of one that waits',
    changed(LOCK, { events: LOCK.events.toSpliced(2, 0, put(4, 'lock/b', 'me', 3)) }),
    'lock: at 4, 3 proclaimed while 2 held it',
  ],
  [
    'two who rely on it at once',
    changed(LOCK, { observations: [...LOCK.observations, relied('lock', 2, 56)] }),
    'lock: 2 relied on it at 56, when 3 had it already',
  ],
  [
    'one hold that is given twice',
    changed(LOCK, { observations: [...LOCK.observations, held('lock', 3, 55)] }),
    'lock: 3 was given twice',
  ],
  [
    'a hold without a turn',
    changed(LOCK, { observations: [...LOCK.observations, held('lock', 9, 90)] }),
    'lock: 9 was given, and it never had its turn',
  ],
  [
    'a write that resolved and is not there',
    changed(LOCK, { observations: [...LOCK.observations, wrote('3 z', 65)] }),
    'lock: "3 z" was written 0 times',
  ],
  [
    'a write that is there twice',
    changed(LOCK, { events: LOCK.events.toSpliced(4, 0, put(6, 'written/lock', '3 y', 4)) }),
    'lock: "3 y" was written 2 times',
  ],
  [
    'a refused write that is there',
    changed(LOCK, {
      observations: [
        ...LOCK.observations,
        { type: 'refused', kind: 'lock', text: '3 y', start: 60, end: 61 },
      ],
    }),
    'lock: "3 y" was refused and is written',
  ],
  [
    'a release that left the key',
    changed(LOCK, { events: LOCK.events.slice(0, -1) }),
    'lock: 3 was released, and its key is still there',
  ],
  [
    'a lock that was given before the call that had ended earlier',
    changed(LOCK, { observations: [...LOCK.observations, queued('late', 10), held('lock', 2, 95)] }),
    'the turn of lock 2 took effect at 2, before the release of lock 3 at 7, which had ended when it began',
  ],
  [
    'a third who relies on two permits',
    changed(PERMITS, { observations: [...PERMITS.observations, relied('permit', 3, 88)] }),
    'permit: 3, 4, 5 relied on 2 permits at 85',
  ],
  [
    'a third who writes with two permits',
    changed(PERMITS, { events: PERMITS.events.toSpliced(5, 0, put(7, 'written/permit', '5 z', 6)) }),
    'permit: at 7, 5 wrote while 3, 4 held it',
  ],
  [
    'an entry that nobody got',
    changed(QUEUE, { observations: QUEUE.observations.toSpliced(4, 1) }),
    'queue: 1 entries are lost: two',
  ],
  [
    'an entry that is left',
    changed(QUEUE, {
      events: QUEUE.events.toSpliced(3, 1),
      observations: QUEUE.observations.toSpliced(4, 1),
    }),
    'queue: two was never given to anybody',
  ],
  [
    'an entry that two got',
    changed(QUEUE, { observations: [...QUEUE.observations, took('queue', 'two', 51)] }),
    'queue: two was given 2 times',
  ],
  [
    'an entry that was taken before an older one',
    changed(QUEUE, { events: QUEUE.events.toSpliced(2, 2, remove(4, 'queue/2'), remove(5, 'queue/1')) }),
    'queue: at 4, two was taken before one',
  ],
  [
    'an entry that was put twice',
    changed(QUEUE, { events: QUEUE.events.toSpliced(2, 0, put(3, 'queue/3', 'two')) }),
    'queue: two is there 2 times, and its put was applied',
  ],
  [
    'an entry that is there although its put failed',
    changed(QUEUE, { events: QUEUE.events.toSpliced(2, 0, put(3, 'queue/3', 'three')) }),
    'queue: three is there 1 times, and its put was not_applied',
  ],
  [
    'an effect that a job had twice',
    changed(QUEUE, { events: [...QUEUE.events, put(8, 'effects/job', 'y', 7)] }),
    'jobs: job had its effect at 7 and again at 8',
  ],
  [
    'a job that went without its effect',
    changed(QUEUE, { events: QUEUE.events.toSpliced(5, 1) }),
    'jobs: at 7, job was removed without its effect',
  ],
  [
    'a job that was told to be done and is not',
    changed(QUEUE, { events: QUEUE.events.slice(0, 5) }),
    'jobs: job was given, and nobody took it out',
  ],
])('finds %s', (_, history, violation) => {
  expect(checkHistory(history)).toContain(violation)
})

it('excuses a holder whose key was deleted by hand for what it believed, not for what it wrote', () => {
  const observations = [...LOCK.observations, relied('lock', 2, 56)]
  const events = LOCK.events.toSpliced(4, 0, put(6, 'written/lock', '2 z', 4))
  expect(checkHistory({ ...LOCK, observations, taken: new Set([2]) })).toEqual([])
  expect(checkHistory({ ...LOCK, observations, events, taken: new Set([2]) })).toHaveLength(1)
})

it('excuses an entry that was deleted by hand, or whose taker was killed or told that it may be lost', () => {
  const observations = QUEUE.observations.toSpliced(4, 1)
  expect(checkHistory({ ...QUEUE, observations, byHand: new Set([5]) })).toEqual([])
  expect(checkHistory({ ...QUEUE, observations, killedTakers: 1 })).toEqual([])
  const told: Observation[] = [...observations, { type: 'unknown-take', kind: 'queue' }]
  expect(checkHistory({ ...QUEUE, observations: told })).toEqual([])
})
