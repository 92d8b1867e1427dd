/**
 * Code length in bits of each byte, 0 to 255. The code is canonical: codes are assigned in order of length,
 * and in byte order within a length, so that the lengths define it completely. Source: RFC 7541, appendix B.
 */
const CODE_LENGTHS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28,
  28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7,
  8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19,
  13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13,
  28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21,
  22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23,
  22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25,
  25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
] as const
const MAX_CODE_LENGTH = 30
/** Up to this number of bits, all ones, may follow the last code. */
const MAX_PADDING_BITS = 7

/** The codes of one length: the first code, and the bytes with consecutive codes from there on. */
interface CodesOfLength {
  readonly first: number
  readonly bytes: readonly number[]
}

const CODES: readonly CodesOfLength[] = canonicalCodes()

function canonicalCodes(): CodesOfLength[] {
  const codes: CodesOfLength[] = []
  let next = 0
  for (let length = 0; length <= MAX_CODE_LENGTH; length += 1) {
    const bytes = CODE_LENGTHS.flatMap((each, byte) => (each === length ? [byte] : []))
    codes.push({ first: next, bytes })
    next = (next + bytes.length) * 2
  }
  return codes
}

/**
 * Decodes a string in HPACK's Huffman code; undefined if it is invalid. Each character of the result
 * represents one byte.
 */
export function decodeHuffman(coded: Uint8Array): string | undefined {
  const decoded: number[] = []
  let code = 0
  let length = 0
  for (const octet of coded) {
    for (let bit = 7; bit >= 0; bit -= 1) {
      code = code * 2 + ((octet >> bit) & 1)
      length += 1
      const codes = CODES[length]
      if (codes === undefined) return undefined
      const byte = code >= codes.first ? codes.bytes[code - codes.first] : undefined
      if (byte === undefined) continue
      decoded.push(byte)
      code = 0
      length = 0
    }
  }
  const isPadding = length <= MAX_PADDING_BITS && code === 2 ** length - 1
  return isPadding ? Buffer.from(decoded).toString('latin1') : undefined
}
