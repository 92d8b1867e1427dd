import type { HeaderField } from './header-field.ts'

/**
 * Writes headers as a block that uses no table and adds to none: whoever reads it needs no other block, and any number
 * of blocks may be written or left out before it.
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

/** A number of seven bits and, when it does not fit, more bytes. The bit above says that the string is not coded. */
function encodeLength(length: number): Buffer {
  if (length < 127) return Buffer.of(length)
  const bytes = [127]
  let rest = length - 127
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Buffer.of(...bytes, rest)
}
