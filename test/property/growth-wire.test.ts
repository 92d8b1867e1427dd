import { Buffer } from 'node:buffer'
import { expect, test } from 'vitest'
import { EtcdError } from '@livetree/etcd'
import { encodeFrame, FrameReader } from '../../packages/etcd/src/wire/frame.ts'
import * as wire from '../../packages/etcd/src/wire/index.ts'
import type { MessageType } from '../../packages/etcd/src/wire/message-type.ts'
import { LayerLeaves } from '../../packages/livetree/src/etcd-source/layer-leaves.ts'
import { TreeLayers } from '../../packages/livetree/src/etcd-source/tree-layers.ts'
import { planOfRoot } from '../../packages/livetree/src/etcd-source/tree-plan.ts'

/** Of a message, in bytes. */
const LENGTH = 500_000
/** What takes time by the square of such a length takes minutes. */
const BOUND_MS = 5_000

const filled = (...unit: number[]) => Buffer.alloc(LENGTH, Buffer.from(unit))

/** One field inside another, as deep as the length allows; each holds all that follows. */
function nested(tag: number): Buffer {
  const parts: Buffer[] = []
  for (let length = LENGTH; length > 16; length -= 5) {
    const left = length - 5
    parts.push(
      Buffer.from([
        tag,
        (left & 0x7f) | 0x80,
        ((left >> 7) & 0x7f) | 0x80,
        ((left >> 14) & 0x7f) | 0x80,
        left >> 21,
      ]),
    )
  }
  return Buffer.concat(parts)
}

const shapes: Readonly<Record<string, Buffer>> = {
  nothing: filled(0x00),
  'numbers without end': filled(0x80),
  'all bits': filled(0xff),
  'empty fields': filled(0x12, 0x00),
  'empty first fields': filled(0x0a, 0x00),
  'numbers of unknown fields': filled(0x78, 0x01),
  'groups that only begin': filled(0x0b),
  'groups that begin and end': filled(0x0b, 0x0c),
  'fields of one byte': filled(0x0a, 0x01, 0x2f),
  'text that is not UTF-8': Buffer.concat([Buffer.from([0x0a, 0xfb, 0xff, 0x79]), filled(0xc0)]),
  'first fields in one another': nested(0x0a),
  'second fields in one another': nested(0x12),
  'third fields in one another': nested(0x1a),
}

function isMessage(value: unknown): value is MessageType<unknown> {
  return typeof value === 'object' && value !== null && 'decode' in value
}

const types = Object.values<unknown>({ ...wire }).filter(isMessage)

function cpuMs(run: () => void): number {
  const before = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

test.each(Object.entries(shapes))(
  'every message of etcd is decoded, or refused, in a moment: %s',
  (_shape, bytes) => {
    expect(types.length).toBeGreaterThan(40)
    for (const type of types) {
      const ms = cpuMs(() => {
        try {
          type.decode(bytes)
        } catch (error) {
          if (!(error instanceof EtcdError)) throw error
          expect(error.code).toBe('malformed_message')
        }
      })
      expect(ms, type.name).toBeLessThan(BOUND_MS)
    }
  },
)

test('a long message that comes byte by byte, and many short ones at once, are joined in a moment', () => {
  const long = encodeFrame(wire.PutRequest, { key: 'k', value: Buffer.alloc(300_000, 7) })
  const short = Buffer.concat(
    Array.from({ length: 100_000 }, () => encodeFrame(wire.PutRequest, { key: 'k' })),
  )
  let count = 0
  const reader = new FrameReader(() => count++)
  const ms = cpuMs(() => {
    for (let at = 0; at < long.length; at++) reader.push(long.subarray(at, at + 1))
    reader.push(short)
  })
  expect(count).toBe(100_001)
  expect(ms).toBeLessThan(BOUND_MS)
})

test.each<[string, (index: number) => string]>([
  ['siblings', (index) => `/c/base/k${index}`],
  ['levels', (index) => `/c/base/${'a/'.repeat(index % 100)}k${index}`],
  ['slashes', (index) => `/c/base/${'/'.repeat(index % 500)}${index}`],
  ['percent signs', (index) => `/c/base/${'%'.repeat(index % 500)}${index}`],
  ['keys of no layer', (index) => `/c/other/${index}`],
  ['documents of the layer', () => '/c/base'],
])('100,000 keys of a listing are read in a moment: %s', (_kind, keyOf) => {
  const count = 100_000
  const keys = Array.from({ length: count }, (_, index) => keyOf(index))
  const leaves = new LayerLeaves(new TreeLayers(planOfRoot('/c', ['base', 'prod'])))
  const page = { keys, values: keys, modRevisions: keys.map((_, index) => index + 1), notText: [] }
  expect(cpuMs(() => leaves.leavesOf(0, page as never))).toBeLessThan(BOUND_MS)
})
