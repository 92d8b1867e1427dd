import { expect, test } from 'vitest'
import { ManualClock } from '../manual-clock.test.kit.ts'
import { Engine } from '../engine.ts'
import { createMemoryJournal } from '../durable/memory-journal.ts'
import { AlarmType } from '@livetree/etcd/wire'
import { Lessor } from './lessor.ts'

function lessorOn(clock: ManualClock) {
  const expired: bigint[] = []
  const lessor = new Lessor(clock, (ids) => {
    expired.push(...ids)
    for (const id of ids) lessor.remove(id)
  })
  return { lessor, expired }
}

test('Lessor tells of a lease at its deadline, not before', () => {
  const clock = new ManualClock()
  const { lessor, expired } = lessorOn(clock)
  lessor.grant(1n, 10)
  lessor.grant(2n, 5)
  clock.advance(4999)
  expect(expired).toEqual([])
  clock.advance(1)
  expect(expired).toEqual([2n])
  clock.advance(5000)
  expect(expired).toEqual([2n, 1n])
  expect(clock.pending).toBe(0)
})

test('Lessor.renew gives the full time again', () => {
  const clock = new ManualClock()
  const { lessor, expired } = lessorOn(clock)
  const lease = lessor.grant(1n, 10)
  clock.advance(9000)
  expect(lessor.remainingSeconds(lease)).toBe(1)
  expect(lessor.renew(1n)).toBe(lease)
  expect(lessor.remainingSeconds(lease)).toBe(10)
  clock.advance(9999)
  expect(expired).toEqual([])
  clock.advance(1)
  expect(expired).toEqual([1n])
  expect(lessor.renew(1n)).toBeUndefined()
})

test('Lessor keeps at most one timer, whatever is granted and renewed', () => {
  const clock = new ManualClock()
  const { lessor } = lessorOn(clock)
  for (let id = 1n; id <= 100n; id += 1n) lessor.grant(id, 100 - Number(id))
  for (let id = 1n; id <= 100n; id += 1n) lessor.renew(id)
  expect(clock.pending).toBe(1)
  lessor.close()
  expect(clock.pending).toBe(0)
})

test('Lessor tells of a lease of 2,000 years, which no timer can wait for, not at once', () => {
  const clock = new ManualClock()
  const { lessor, expired } = lessorOn(clock)
  lessor.grant(1n, Lessor.grantedTtl(9_000_000_000))
  clock.advance(1_000_000)
  expect(expired).toEqual([])
})

test('Engine keeps the keys of a lease that ends while the alarm CORRUPT is up, and deletes them after it', async () => {
  const clock = new ManualClock()
  const options = { clock, quotaBytes: 1e9, tokenTtlMs: 1000, progressIntervalMs: 1000, keepRevisions: 10 }
  const engine = new Engine(createMemoryJournal, options)
  await engine.grantLease(1n, 5)
  await engine.write((txn) => txn.put('a', Buffer.from('1'), 1n))
  const alarm = { memberId: 1n, alarm: AlarmType.corrupt }
  await engine.changeAlarms((alarms) => alarms.activate(alarm))
  clock.advance(60_000)
  await new Promise(setImmediate)
  expect([engine.store.get('a', engine.store.revision)?.version, engine.lessor.has(1n)]).toEqual([1, true])
  await engine.changeAlarms((alarms) => alarms.deactivate(alarm))
  expect(engine.lessor.has(1n)).toBe(true)
  clock.advance(500)
  await new Promise(setImmediate)
  expect([engine.store.get('a', engine.store.revision), engine.lessor.has(1n)]).toEqual([undefined, false])
  engine.close()
  clock.advance(60_000)
  expect(clock.pending).toBe(0)
})
