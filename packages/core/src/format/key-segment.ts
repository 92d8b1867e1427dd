/** Percent-decodes a segment of a key; undefined if it is not well encoded. */
export function decodeSegment(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined
  }
}

/** Percent-encodes what a segment of a key cannot hold: `/`, and the `%` of the encoding itself. */
export function encodeSegment(name: string): string {
  return name.replace(/[%/]/g, (character) => (character === '/' ? '%2F' : '%25'))
}
