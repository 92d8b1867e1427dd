/** A hash of text with a seed, evenly distributed over 0 to 1 (excluded). Not for secrets. */
export function hashShare(text: string, seed: number): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0
  }
  // The last characters must change the high bits too.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b) >>> 0
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35) >>> 0
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32
}

/** A hash of text as an integer, to be the seed of another one. */
export function seedOf(text: string): number {
  return Math.floor(hashShare(text, 0) * 2 ** 32)
}

/**
 * The score of a weighted rendezvous hash: the highest of all candidates wins, in proportion to the weights, and adding or
 * removing one moves only what it wins or had won.
 */
export function rendezvousScore(id: string, weight: number, seed: number): number {
  const share = hashShare(id, seed)
  return weight / -Math.log(share === 0 ? Number.MIN_VALUE : share)
}
