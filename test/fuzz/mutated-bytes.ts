import fc from 'fast-check'

/** Varints and lengths at the ends of what they can hold. */
const EXTREMES = [
  'ffffffff0f',
  'ffffffffffffffffff01',
  '80808080808080808001',
  'ffffffffffffffffffff01',
  '80808080808080808080808000',
  '8080808000',
  'ffffffffffffff7f',
  '00ffffffff',
  '007fffffff',
  '01',
  '00000000',
].map((hex) => Buffer.from(hex, 'hex'))

type Kind = 'truncate' | 'flip' | 'insert' | 'remove' | 'duplicate' | 'swap' | 'extreme' | 'splice' | 'fill'

interface Step {
  readonly kind: Kind
  /** Places as parts of the length, in 1/65,536. */
  readonly at: number
  readonly to: number
  readonly pick: number
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom<Kind>(
    'truncate',
    'flip',
    'flip',
    'insert',
    'remove',
    'duplicate',
    'swap',
    'extreme',
    'splice',
    'fill',
  ),
  at: fc.nat(0xffff),
  to: fc.nat(0xffff),
  pick: fc.nat(255),
})

const place = (length: number, part: number): number => Math.floor((part / 0x10000) * (length + 1))

function apply(bytes: Buffer, { kind, at, to, pick }: Step): Buffer {
  const start = place(bytes.length, Math.min(at, to))
  const end = place(bytes.length, Math.max(at, to))
  const [head, body, tail] = [bytes.subarray(0, start), bytes.subarray(start, end), bytes.subarray(end)]
  switch (kind) {
    case 'truncate':
      return head
    case 'flip': {
      const flipped = Buffer.from(bytes)
      if (start < flipped.length) flipped[start]! ^= 1 << (pick & 7)
      return flipped
    }
    case 'insert':
      return Buffer.concat([head, Buffer.of(pick), body, tail])
    case 'remove':
      return Buffer.concat([head, tail])
    case 'duplicate':
      return Buffer.concat([head, body, body, tail])
    case 'swap':
      return Buffer.concat([tail, body, head])
    case 'extreme':
      return Buffer.concat([head, EXTREMES[pick % EXTREMES.length]!, tail])
    case 'splice':
      return Buffer.concat([head, bytes.subarray(pick % (bytes.length + 1)), tail])
    case 'fill':
      return Buffer.concat([head, Buffer.alloc(body.length, pick), tail])
  }
}

/** At most what a few doublings of small inputs come to. */
const MOST_BYTES = 64 * 1024

/** One to four faults to put into bytes. */
export const damaged: fc.Arbitrary<(bytes: Buffer) => Buffer> = fc
  .array(step, { minLength: 1, maxLength: 4 })
  .map((steps) => (bytes) => {
    let result = bytes
    for (const each of steps) if (result.length < MOST_BYTES) result = apply(result, each)
    return result
  })

/** Valid bytes; mostly with faults put into them, sometimes as they are, sometimes not of this kind at all. */
export function mutatedBytes(valid: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  const broken = fc.tuple(valid, damaged).map(([bytes, damage]) => damage(bytes))
  return fc.oneof(
    { weight: 7, arbitrary: broken },
    { weight: 2, arbitrary: valid },
    { weight: 1, arbitrary: randomBytes },
  )
}

export const randomBytes: fc.Arbitrary<Buffer> = fc
  .uint8Array({ maxLength: 80 })
  .map((bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))

/** The same for text, broken as bytes are: what comes out need not be UTF-8. */
export const mutatedText = (valid: fc.Arbitrary<string>): fc.Arbitrary<Buffer> =>
  mutatedBytes(valid.map((text) => Buffer.from(text)))
