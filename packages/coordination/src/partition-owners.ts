import type { Member } from './group.ts'

/** A member of a partitioner. */
export interface PartitionMember {
  readonly id: string
  /** The partitions that it can run. */
  readonly partitions: ReadonlySet<string>
}

/** What a member shows to the others. */
export function encodePartitions(partitions: readonly string[]): string {
  return JSON.stringify(partitions)
}

/** Reads a member; `undefined` for a key that no partitioner wrote. */
export function decodeMember({ id, value }: Member): PartitionMember | undefined {
  try {
    const partitions: unknown = JSON.parse(value.toString())
    if (Array.isArray(partitions) && partitions.every((name) => typeof name === 'string'))
      return { id, partitions: new Set<string>(partitions) }
  } catch {
    // Not JSON.
  }
  return undefined
}

/**
 * The partitions of one member. Each partition belongs to the member with the highest score of all that have it
 * (rendezvous hashing), so a member that comes or goes moves only what it gets or had.
 */
export function partitionsOf(id: string, members: readonly PartitionMember[]): ReadonlySet<string> {
  const own = members.find((member) => member.id === id)
  const mine = new Set<string>()
  for (const partition of own?.partitions ?? []) if (ownerOf(partition, members) === id) mine.add(partition)
  return mine
}

function ownerOf(partition: string, members: readonly PartitionMember[]): string | undefined {
  let owner: string | undefined
  let highest = -1
  for (const { id, partitions } of members) {
    if (!partitions.has(partition)) continue
    const score = scoreOf(id, partition)
    if (score < highest || (score === highest && owner !== undefined && id < owner)) continue
    owner = id
    highest = score
  }
  return owner
}

/**
 * A hash, evenly distributed over the unsigned 32-bit integers: FNV-1a, whose last characters change the low bits only,
 * and the finalizer of MurmurHash3, which spreads them. All members of all versions have to compute the same.
 */
function scoreOf(id: string, partition: string): number {
  let hash = 0x811c9dc5
  const text = `${partition}/${id}`
  for (let index = 0; index < text.length; index += 1)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
