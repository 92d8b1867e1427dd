import assert from 'node:assert/strict'
import fc from 'fast-check'
import { EtcdError } from '../../../packages/etcd/src/errors.ts'
import { FrameReader, frameOf } from '../../../packages/etcd/src/wire/frame.ts'
import { type FuzzTarget, fuzzTarget } from '../fuzz-target.ts'
import { mutatedBytes, randomBytes } from '../mutated-bytes.ts'

const validFrames = fc
  .array(randomBytes, { maxLength: 5 })
  .map((payloads) => Buffer.concat(payloads.map((each) => frameOf(each))))

/** How a reader ends a broken stream, and one with a longer message than it takes. */
const REFUSALS: ReadonlySet<string> = new Set(['malformed_message', 'response_too_large'])

/** What a reader makes of chunks: the messages, and the code it stopped with. */
function read(chunks: Iterable<Buffer>, maxBytes?: number): string {
  const seen: string[] = []
  const reader = new FrameReader((payload) => seen.push(payload.toString('hex')), maxBytes)
  try {
    for (const chunk of chunks) reader.push(chunk)
  } catch (error) {
    if (!(error instanceof EtcdError) || !REFUSALS.has(error.code)) throw error
    return `${seen.join()} ${error.what}`
  }
  return `${seen.join()} ${reader.isAtBoundary ? 'whole' : 'cut off'}`
}

function* cut(bytes: Buffer, sizes: readonly number[]): Generator<Buffer> {
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length]!
    yield bytes.subarray(at, at + size)
    at += size
  }
}

/** A length of up to 4 GiB, and fewer bytes than it says. */
const hugeFrame = fc
  .tuple(fc.integer({ min: 0x4000_0000, max: 0xffff_ffff }), randomBytes)
  .map(([length, rest]) => {
    const header = Buffer.alloc(5)
    header.writeUInt32BE(length, 1)
    return Buffer.concat([header, rest])
  })

const MOST_GROWTH_BYTES = 64 * 1024 * 1024

export const frames: readonly FuzzTarget[] = [
  fuzzTarget({
    name: 'frame-chunks',
    what: 'gRPC frames, broken and whole, in any chunks: the same messages and the same end as in one chunk, or `malformed_message` or `response_too_large`',
    shortCases: 665,
    weight: 8,
    input: fc.record({
      bytes: mutatedBytes(validFrames),
      sizes: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }),
      maxBytes: fc.constantFrom(undefined, undefined, 16),
    }),
    check({ bytes, sizes, maxBytes }) {
      assert.equal(read(cut(bytes, sizes), maxBytes), read([bytes], maxBytes))
    },
  }),
  fuzzTarget({
    name: 'frame-lengths',
    what: 'frames that claim up to 4 GiB: no memory is allocated for bytes that have not arrived',
    shortCases: 165,
    weight: 1,
    input: fc.record({
      bytes: hugeFrame,
      sizes: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }),
    }),
    check({ bytes, sizes }) {
      const before = process.memoryUsage().arrayBuffers
      const text = read(cut(bytes, sizes))
      const grown = process.memoryUsage().arrayBuffers - before
      assert.ok(grown < MOST_GROWTH_BYTES, `${grown} bytes were set aside`)
      assert.match(text, /the limit is|cut off/)
    },
  }),
]
