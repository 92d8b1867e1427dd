import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EtcdError } from '../errors.ts'
import { encodeFrame, FrameReader, frameOf } from './frame.ts'
import { PutRequest } from './kv.ts'

function collect(maxBytes?: number) {
  const seen: string[] = []
  const reader = new FrameReader((payload) => seen.push(payload.toString('hex')), maxBytes)
  return { seen, reader }
}

function refusal(run: () => void): string {
  try {
    run()
  } catch (error) {
    return error instanceof EtcdError ? `${error.code}: ${error.what}` : String(error)
  }
  return 'accepted'
}

describe('FrameReader', () => {
  test('gives the same messages wherever the chunks end', () => {
    const payloads = fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 6 })
    fc.assert(
      fc.property(payloads, fc.infiniteStream(fc.integer({ min: 1, max: 9 })), (messages, sizes) => {
        const all = Buffer.concat(messages.map((each) => frameOf(each)))
        const { seen, reader } = collect()
        for (let at = 0; at < all.length; ) {
          const size = sizes.next().value as number
          reader.push(all.subarray(at, at + size))
          at += size
        }
        expect(seen).toEqual(messages.map((each) => Buffer.from(each).toString('hex')))
        expect(reader.isAtBoundary).toBe(true)
      }),
    )
  })

  test('byte by byte, and at every cut in two', () => {
    const all = Buffer.concat([
      frameOf(Buffer.from('aa', 'hex')),
      frameOf(Buffer.from('bbcc', 'hex')),
      frameOf(Buffer.alloc(0)),
    ])
    for (let cut = 0; cut <= all.length; cut += 1) {
      const { seen, reader } = collect()
      reader.push(all.subarray(0, cut))
      reader.push(all.subarray(cut))
      expect(seen).toEqual(['aa', 'bbcc', ''])
    }
    const { seen, reader } = collect()
    for (const byte of all) reader.push(Buffer.from([byte]))
    expect(seen).toEqual(['aa', 'bbcc', ''])
  })

  test('tells a cut-off frame from an end between frames', () => {
    const frame = frameOf(Buffer.alloc(10))
    for (let length = 1; length < frame.length; length += 1) {
      const { reader, seen } = collect()
      reader.push(frame.subarray(0, length))
      expect(reader.isAtBoundary).toBe(false)
      expect(seen).toEqual([])
    }
  })

  test('refuses compressed frames, unknown flags and frames above the limit', () => {
    expect(refusal(() => collect().reader.push(Buffer.from('0100000000', 'hex')))).toMatch(/compressed/)
    expect(refusal(() => collect().reader.push(Buffer.from('4854545020', 'hex')))).toMatch(/flag is 72/)
    expect(refusal(() => collect(8).reader.push(frameOf(Buffer.alloc(9))))).toMatch(/9 bytes, the limit is 8/)
    expect(refusal(() => collect(8).reader.push(frameOf(Buffer.alloc(8))))).toBe('accepted')
    const split = collect(8).reader
    split.push(Buffer.from('0000', 'hex'))
    expect(refusal(() => split.push(Buffer.from('000009', 'hex')))).toMatch(/response_too_large/)
  })
})

test('encodeFrame puts flag and length before the message', () => {
  const frame = encodeFrame(PutRequest, { key: 'k', value: 'v' })
  expect(frame.toString('hex')).toBe(
    `0000000006${PutRequest.encode({ key: 'k', value: 'v' }).toString('hex')}`,
  )
  expect(encodeFrame(PutRequest, {}).toString('hex')).toBe('0000000000')
})
