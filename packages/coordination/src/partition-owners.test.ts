import { describe, expect, it } from 'vitest'
import { decodeMember, encodePartitions, type PartitionMember, partitionsOf } from './partition-owners.ts'

const PARTITIONS = Array.from({ length: 1_000 }, (_, index) => `feed-${index}`)

/** Members named as leases are, which differ in few characters. */
const idOf = (index: number): string => (0x7587c5a3f2b1d00n + BigInt(index)).toString(16)

function members(...ids: readonly string[]): PartitionMember[] {
  return ids.map((id) => ({ id, partitions: new Set(PARTITIONS) }))
}

/** The owner of each partition. Fails if one has several. */
function owners(all: readonly PartitionMember[]): Map<string, string> {
  const owned = new Map<string, string>()
  for (const { id } of all)
    for (const partition of partitionsOf(id, all)) {
      expect(owned.get(partition), partition).toBeUndefined()
      owned.set(partition, id)
    }
  return owned
}

const entry = (value: string) => ({ id: 'a', key: 'k/a', token: 1, lease: 1n, value: Buffer.from(value) })

describe('A1 rendezvous hashing', () => {
  it.each([1, 2, 3, 10, 50])('gives each partition to one of %d members, in about even shares', (count) => {
    const all = members(...Array.from({ length: count }, (_, index) => idOf(index)))
    const owned = owners(all)
    expect(owned.size).toBe(PARTITIONS.length)
    const even = PARTITIONS.length / count
    for (const { id } of all) {
      const share = [...owned.values()].filter((owner) => owner === id).length
      // Five standard deviations of a fair draw.
      expect(Math.abs(share - even), id).toBeLessThan(5 * Math.sqrt(even) + 1)
    }
  })

  it.each([2, 5, 20])('moves to the new one of %d members what it gets, and nothing else', (count) => {
    const ids = Array.from({ length: count }, (_, index) => idOf(index))
    const newest = ids.at(-1)
    const before = owners(members(...ids.slice(0, -1)))
    const after = owners(members(...ids))
    const moved = PARTITIONS.filter((partition) => before.get(partition) !== after.get(partition))
    expect(moved.every((partition) => after.get(partition) === newest)).toBe(true)
    expect(moved.length).toBeGreaterThan((0.6 * PARTITIONS.length) / count)
    expect(moved.length).toBeLessThan((1.4 * PARTITIONS.length) / count)
  })

  it('does not depend on the order in which members are listed', () => {
    const ids = [idOf(1), idOf(2), idOf(3)]
    const partitions = (id: string, all: readonly PartitionMember[]) => [...partitionsOf(id, all)]
    for (const id of ids)
      expect(partitions(id, members(...ids))).toEqual(partitions(id, members(...ids.toReversed())))
  })

  it('gives a partition only to those who have it in their lists', () => {
    const old = { id: 'old', partitions: new Set(['a', 'b', 'c']) }
    const next = { id: 'next', partitions: new Set(['c', 'd', 'e']) }
    const all = [old, next]
    expect(['a', 'b', 'd', 'e'].map((partition) => owners(all).get(partition))).toEqual([
      'old',
      'old',
      'next',
      'next',
    ])
    expect(owners(all).size).toBe(5)
    expect(partitionsOf('nobody', all).size).toBe(0)
  })

  it('assigns as all versions do', () => {
    const owned = owners(members('75', '76', '77'))
    const shown = ['feed-0', 'feed-1', 'feed-2', 'feed-3', 'feed-4', 'feed-5'].map((p) => owned.get(p))
    expect(shown).toEqual(['75', '77', '77', '77', '76', '77'])
  })

  it('reads what it wrote, and ignores what nobody of ours wrote', () => {
    expect(decodeMember(entry(encodePartitions(['a', 'ü"'])))).toEqual({
      id: 'a',
      partitions: new Set(['a', 'ü"']),
    })
    for (const value of ['', '{}', 'null', '[1]', '["a",null]', '"a"', '[', '\u0000'])
      expect(decodeMember(entry(value)), value).toBeUndefined()
  })
})
