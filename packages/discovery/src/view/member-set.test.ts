import { expect, test } from 'vitest'
import { plainRecord } from '../record/endpoint-record.ts'
import type { StoredRecord } from './endpoint.ts'
import type { Member } from './member.ts'
import { MemberSet } from './member-set.ts'
import { DEFAULT_PROTECTION } from './protection.ts'

function stored(id: string, revision: number, changes: Partial<StoredRecord['record']> = {}): StoredRecord {
  const record = { ...plainRecord(id, `${id}:80`), ...changes }
  return { key: `services/orders/${id}`, record, createRevision: revision, modRevision: revision, lease: 1n }
}

const put = (one: StoredRecord) => ({ key: one.key, stored: one })
const gone = (id: string) => ({ key: `services/orders/${id}`, stored: undefined })
const ids = (members: Iterable<Member>) => [...members].map(({ id }) => id).sort()
const unconfirmed = (set: MemberSet) =>
  ids([...set.members.values()].filter(({ isUnconfirmed }) => isUnconfirmed))

function setOf(...names: string[]): MemberSet {
  const set = new MemberSet(DEFAULT_PROTECTION)
  set.replace(
    names.map((name, index) => stored(name, index + 1)),
    0,
  )
  return set
}

test('a few crashes are believed at once', () => {
  const set = setOf('a', 'b', 'c', 'd')
  expect(ids(set.apply([gone('a')], 1).removed)).toEqual(['a'])
  expect(ids(set.apply([gone('b')], 2).removed)).toEqual(['b'])
  expect(unconfirmed(set)).toEqual([])
})

test('the loss of a majority is not, whether at once or one by one within the window', () => {
  const atOnce = setOf('a', 'b', 'c', 'd')
  const change = atOnce.apply([gone('a'), gone('b'), gone('c')], 1)
  expect(change.removed).toEqual([])
  expect(ids(change.changed)).toEqual(['a', 'b', 'c'])
  const slowly = setOf('a', 'b', 'c', 'd')
  for (const [index, id] of ['a', 'b', 'c'].entries()) slowly.apply([gone(id)], 1_000 * index)
  expect(unconfirmed(slowly)).toEqual(['c'])
  const verySlowly = setOf('a', 'b', 'c', 'd')
  for (const [index, id] of ['a', 'b', 'c'].entries()) verySlowly.apply([gone(id)], 40_000 * index)
  expect(unconfirmed(verySlowly)).toEqual([])
})

test('the loss of the last one is not, and nor is that of all in a new list', () => {
  const one = setOf('a')
  one.apply([gone('a')], 1)
  expect(unconfirmed(one)).toEqual(['a'])
  const all = setOf('a', 'b', 'c')
  all.replace([], 1)
  expect(unconfirmed(all)).toEqual(['a', 'b', 'c'])
})

test('announced departures are believed, even that of all', () => {
  const set = setOf('a', 'b', 'c')
  const leaving = ['a', 'b', 'c'].map((id, index) => stored(id, index + 1, { isLeaving: true }))
  expect(ids(set.apply(leaving.map(put), 1).changed)).toEqual(['a', 'b', 'c'])
  expect(ids(set.apply(['a', 'b', 'c'].map(gone), 2).removed)).toEqual(['a', 'b', 'c'])
  expect(set.members.size).toBe(0)
})

test('an unconfirmed one is dropped after its time or a failed connection, and confirmed when it is back', () => {
  const set = setOf('a', 'b', 'c')
  set.replace([], 0)
  const [a, b, c] = [...set.members.values()] as [Member, Member, Member]
  expect(set.drop(a)).toBe(true)
  expect(set.drop(a)).toBe(false)
  expect(ids(set.apply([put(stored('b', 9))], 1_000).changed)).toEqual(['b'])
  expect(b.isUnconfirmed).toBe(false)
  expect(set.drop(b), 'a confirmed one is never dropped').toBe(false)
  expect(set.expire(59_999)).toEqual([])
  expect(set.expire(60_000)).toEqual([c])
  expect(ids(set.members.values())).toEqual(['b'])
})

test('of two keys with one address the one created last counts', () => {
  const set = setOf('a')
  const restarted = { ...stored('b', 5), record: { ...stored('b', 5).record, address: 'a:80' } }
  const change = set.apply([put(restarted)], 1)
  expect([ids(change.added), ids(change.removed)]).toEqual([['b'], ['a']])
  expect(set.apply([gone('a')], 2)).toEqual({ added: [], removed: [], changed: [] })
  expect(ids(set.members.values())).toEqual(['b'])
})

test('the same record under another lease changes nothing; another record keeps what is known of it', () => {
  const set = setOf('a', 'b')
  const [a] = [...set.members.values()] as [Member]
  expect(set.apply([put({ ...stored('a', 7), lease: 2n })], 1).changed).toEqual([])
  expect(a.stored.lease).toBe(2n)
  expect(ids(set.apply([put(stored('a', 8, { weight: 7 }))], 2).changed)).toEqual(['a'])
  expect([...set.members.values()][0]).toBe(a)
})

test('newcomers start slowly; the first list and those who come back do not', () => {
  const set = setOf('a', 'b', 'c', 'd')
  const shareOf = (id: string) => set.members.get(`${id}:80`)?.load.startShare(1_000, 10_000)
  expect(shareOf('a')).toBe(1)
  set.apply([put(stored('e', 9))], 1_000)
  expect(shareOf('e')).toBe(0.1)
  set.apply([gone('a')], 1_000)
  set.apply([put(stored('a', 10))], 1_000)
  expect(shareOf('a')).toBe(1)
})
