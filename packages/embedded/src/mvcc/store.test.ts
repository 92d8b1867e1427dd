import { expect, test } from 'vitest'
import type { KeyVersion } from './key-history.ts'
import { MvccStore } from './store.ts'

const EVERYTHING = { type: 'span', start: '', end: undefined } as const

function storeWithBook() {
  const moves: string[] = []
  const store = new MvccStore({
    attach: (lease, key) => moves.push(`+${lease} ${key}`),
    detach: (lease, key) => moves.push(`-${lease} ${key}`),
  })
  return { store, moves }
}
function put(store: MvccStore, key: string, value: string, lease = 0n): void {
  store.write((txn) => txn.put(key, Buffer.from(value), lease))
}
function remove(store: MvccStore, key: string): number {
  return store.write((txn) => txn.delete({ type: 'key', start: key }))
}
function shown(versions: readonly KeyVersion[]): string[] {
  return versions.map(({ key, value }) => `${key}=${value}`)
}

test('MvccStore.write makes one revision of many writes, and none of no write', () => {
  const { store } = storeWithBook()
  expect(store.revision).toBe(1)
  store.write((txn) => {
    expect(txn.revision).toBe(1)
    txn.put('a', Buffer.from('1'), 0n)
    expect(txn.revision).toBe(2)
    txn.put('b', Buffer.from('1'), 0n)
    expect(shown(txn.range(EVERYTHING, txn.revision))).toEqual(['a=1', 'b=1'])
  })
  expect(remove(store, 'c')).toBe(0)
  expect(store.revision).toBe(2)
  expect(store.changesAt(2).map(({ sub }) => sub)).toEqual([0, 1])
})

test('MvccStore.write may delete a key that it has just put, and put it again', () => {
  const { store } = storeWithBook()
  put(store, 'a', 'old')
  store.write((txn) => {
    txn.put('a', Buffer.from('new'), 0n)
    txn.delete({ type: 'key', start: 'a' })
    expect(txn.range(EVERYTHING, txn.revision)).toEqual([])
    txn.put('a', Buffer.from('again'), 0n)
  })
  expect(store.get('a', 3)).toMatchObject({ createRevision: 3, version: 1 })
  expect(shown(store.range(EVERYTHING, 2))).toEqual(['a=old'])
  expect(store.changesAt(3).map(({ version }) => version)).toEqual([2, 0, 1])
})

test('MvccStore.compact forgets what no readable revision shows, and keeps a deletion at the revision itself', () => {
  const { store } = storeWithBook()
  put(store, 'a', '1')
  put(store, 'a', '2')
  put(store, 'b', '1')
  remove(store, 'b')
  put(store, 'a', '3')
  const before = store.bytes
  expect(shown(store.compact(5))).toEqual(['a=1', 'b=1'])
  expect(store.bytes).toBeLessThan(before)
  expect(store.changesAt(4)).toEqual([])
  expect(store.changesAt(5).map(({ version }) => version)).toEqual([0])
  expect(shown(store.range(EVERYTHING, 5))).toEqual(['a=2'])
  // The deletion goes with the next compaction.
  expect(shown(store.compact(6))).toEqual(['a=2', 'b='])
  expect(() => store.assertReadable(5)).toThrow('required revision has been compacted')
  expect(() => store.compact(6)).toThrow('required revision has been compacted')
  expect(() => store.compact(7)).toThrow('required revision is a future revision')
})

test('MvccStore tells which lease holds which key, as writes move them', () => {
  const { store, moves } = storeWithBook()
  put(store, 'a', '1', 7n)
  put(store, 'a', '2', 7n)
  put(store, 'a', '3', 8n)
  put(store, 'b', '1', 8n)
  put(store, 'b', '2')
  remove(store, 'a')
  expect(moves).toEqual(['+7 a', '-7 a', '+8 a', '+8 b', '-8 b', '-8 a'])
})

test('MvccStore.restore takes up where another store left off', () => {
  const { store } = storeWithBook()
  const kept: KeyVersion[] = []
  put(store, 'a', '1')
  put(store, 'b', '1', 7n)
  put(store, 'a', '2')
  remove(store, 'b')
  put(store, 'c', '1', 9n)
  const forgotten = new Set(store.compact(4))
  for (let revision = 2; revision <= 6; revision += 1) kept.push(...store.changesAt(revision))
  kept.unshift(store.get('b', 4)!)
  const other = storeWithBook()
  other.store.restore(
    kept.filter((version) => !forgotten.has(version)),
    6,
    4,
  )
  expect([other.store.revision, other.store.compactRevision, other.store.bytes]).toEqual([6, 4, store.bytes])
  for (const revision of [4, 5, 6]) {
    expect(other.store.range(EVERYTHING, revision)).toEqual(store.range(EVERYTHING, revision))
    expect(other.store.changesAt(revision)).toEqual(store.changesAt(revision))
  }
  expect(other.moves).toEqual(['+9 c'])
  put(other.store, 'd', '1')
  expect(other.store.revision).toBe(7)
})

test('MvccStore.compact forgets any number of versions of one key', () => {
  const { store } = storeWithBook()
  for (let n = 0; n < 200_000; n += 1) put(store, 'a', '')
  expect(store.compact(store.revision).length).toBe(199_999)
})
