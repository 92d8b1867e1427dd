/**
 * A key, or a path of a layer, for people: `\xFF` for a byte that is not UTF-8 text, which `Leaf.path` has as a percent
 * sign and a half of a surrogate pair.
 */
export function shownKey(key: string): string {
  return key.replace(
    BROKEN,
    (_, half: string) => `\\x${(half.charCodeAt(0) - LONE).toString(16).toUpperCase()}`,
  )
}

/** Whether a segment has a byte that is not UTF-8 text. */
export function isBroken(segment: string): boolean {
  return segment.search(BROKEN) >= 0
}

const BROKEN = /%([\udc80-\udcff])/g
const LONE = 0xdc00
