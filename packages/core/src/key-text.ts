import { isUtf8 } from 'node:buffer'

/**
 * Converts a key to text, no two keys to the same. UTF-8 text is itself. Of any other key, each byte that belongs to no
 * character becomes a percent sign and the half of a surrogate pair that no UTF-8 text has: a segment that is not valid.
 */
export function keyText(key: Buffer): string {
  if (isUtf8(key)) return key.toString()
  let text = ''
  for (let at = 0; at < key.length; ) {
    const length = characterLength(key, at)
    text +=
      length === 0 ? `%${String.fromCharCode(LONE + (key[at] ?? 0))}` : key.toString('utf8', at, at + length)
    at += Math.max(length, 1)
  }
  return text
}

/** The key that has a text. */
export function keyBytes(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text)
  const parts = text.split(BROKEN)
  // A pattern with a group gives what it matched between the other parts.
  return Buffer.concat(
    parts.map((part, index) => (index % 2 === 0 ? Buffer.from(part) : Buffer.of(byteOf(part)))),
  )
}

/** The text of a key, or a path of a layer, for people: `\xFF` for a byte that is not UTF-8 text. */
export function shownKey(text: string): string {
  return text
    .split(BROKEN)
    .map((part, index) => (index % 2 === 0 ? part : `\\x${byteOf(part).toString(16).toUpperCase()}`))
    .join('')
}

/** Whether a segment has a byte that is not UTF-8 text. */
export function isBroken(segment: string): boolean {
  return BROKEN.test(segment)
}

/** Added to a byte from 0x80 on, it gives the second half of a surrogate pair. */
const LONE = 0xdc00
const BROKEN = /%([\udc80-\udcff])/

function byteOf(half: string): number {
  return half.charCodeAt(0) - LONE
}

/** How many bytes the character has that begins at a place; 0 where none does. */
function characterLength(key: Buffer, at: number): number {
  const first = key[at] ?? 0
  const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
  return at + length <= key.length && isUtf8(key.subarray(at, at + length)) ? length : 0
}
