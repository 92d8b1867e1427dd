import type { HeaderField } from './header-field.ts'

/**
 * Encodes headers as a block that neither uses nor changes the dynamic table, so that it can be decoded
 * independently of other blocks.
 */
export function encodeHeaders(fields: readonly HeaderField[]): Buffer {
  return Buffer.concat(
    fields.flatMap(({ name, value, isSensitive }) => [
      Buffer.of(isSensitive ? 0x10 : 0),
      ...encodeText(name),
      ...encodeText(value),
    ]),
  )
}

function encodeText(text: string): [Buffer, Buffer] {
  return [encodeLength(text.length), Buffer.from(text, 'latin1')]
}

/** Encodes a length with a seven-bit prefix. The bit above says that the string is not Huffman-coded. */
function encodeLength(length: number): Buffer {
  if (length < 127) return Buffer.of(length)
  const bytes = [127]
  let rest = length - 127
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Buffer.of(...bytes, rest)
}
