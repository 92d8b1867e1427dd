import { expect, it } from 'vitest'
import type { WatchState } from './watch-state.ts'
import { del, header, put, setUp } from './watch-recorder.test.kit.ts'

/** An event of a key that was there before. */
function overwrite(key: string, modRevision: number) {
  const { kv, type } = put(key, modRevision)
  return { type, kv: { ...kv, createRevision: 2, version: 2 } }
}

/** A watch after revision 5 whose range is unchanged up to 9, as far as reads have shown. */
function open() {
  const all = setUp({ progressIntervalMs: 1_000 })
  const { watcher, told } = all.watch({ prefix: '' }, { afterRevision: 5 })
  all.created(12)
  ;(watcher as WatchState).store.unchangedTo(9)
  told.length = 0
  return { ...all, watcher, told }
}
const OTHER = ['cluster changed history_differs', 'end cluster_changed']

it.each([
  ['a put of a key that was there', [[6, [overwrite('a', 6)]]]],
  ['a delete of a key that was there', [[6, [del('a', 6)]]]],
  [
    'a delete after that of a late key',
    [
      [6, [put('a', 6)]],
      [7, [del('a', 7), del('b', 7)]],
    ],
  ],
  ['a new key at the last revision', [[9, [put('a', 9)]]]],
  [
    'a new key that is still there at a later change',
    [
      [6, [put('a', 6)]],
      [11, [put('b', 11)]],
    ],
  ],
  [
    'a late key that is deleted too late',
    [
      [6, [put('a', 6)]],
      [10, [del('a', 10)]],
    ],
  ],
] as const)('P12 LateChanges: %s shows that the store is another one', (_what, answers) => {
  const { told, events } = open()
  for (const [revision, list] of answers) events(revision, [...list])
  expect(told.slice(-2)).toEqual(OTHER)
})

it('P12 LateChanges: late keys that came and went are possible, and are delivered', () => {
  const { told, events } = open()
  events(6, [put('a', 6)])
  events(7, [overwrite('a', 7)])
  events(9, [del('a', 9)])
  events(10, [put('a', 10)])
  expect(told).toEqual(['6: +a', '7: +a', '9: -a', '10: +a'])
})

it('P12 LateChanges: progress to where a late key must be gone shows that the store is another one', () => {
  const { told, events, proven } = open()
  events(6, [put('a', 6)])
  proven(12)
  expect(told.slice(-2)).toEqual(OTHER)
})

it('P12 LateChanges: where progress may overtake changes, the store is verified again', async () => {
  const all = setUp({ progressIntervalMs: 1_000 })
  const { watcher, told } = all.watch({ prefix: '' }, { afterRevision: 4 })
  // It answers before there is any watch.
  all.progress(12)
  all.created(12)
  all.events(5, [put('kept', 5)])
  ;(watcher as WatchState).store.unchangedTo(9)
  all.events(6, [put('a', 6)])
  told.length = 0
  all.channel.onTxn = undefined
  const holds = (...keys: string[]) =>
    (all.channel.onUnary = () => ({
      header: header(12),
      succeeded: true,
      responses: keys.map((key) => ({
        response: {
          type: 'range' as const,
          value: { header: header(12), kvs: [put(key, 5).kv], count: 1, more: false },
        },
      })),
    }))
  const claim = async () => {
    for (let round = 0; round < 4; round += 1) {
      all.clock.advance(1_000)
      const ping = all.lastCreate()
      if (ping?.filters.length === 2) all.created(12, 90 + round)
      all.progress(12)
      await all.recognized()
    }
  }
  holds('kept')
  await claim()
  expect([told.includes('disconnected OK'), watcher.state]).toEqual([true, 'connecting'])
  all.created(12)
  expect(watcher.state).toBe('live')
  holds('other')
  await claim()
  expect(told.slice(-2)).toEqual(OTHER)
})
