import { frameOf, KV, Lease, RangeResponse, TxnResponse } from '@livetree/etcd/wire'
import { expect, test } from 'vitest'
import { eachServer, fresh, put } from './contract-server.ts'
import type { RawClient } from './raw-client.ts'
import { refusal } from './refusal.ts'
import { WatchClient } from './watch-client.ts'

/** The ends of 64 bits, and what just does not fit into a double. */
const LARGE = [2n ** 63n - 1n, 2n ** 53n]
const LEAST = -(2n ** 63n)

function varint(value: bigint): Buffer {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, value)
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  return Buffer.from([...bytes, Number(rest)])
}

function number(field: number, value: bigint): Buffer {
  return Buffer.concat([varint(BigInt(field * 8)), varint(value)])
}

function nested(field: number, bytes: Buffer): Buffer {
  return Buffer.concat([varint(BigInt(field * 8 + 2)), varint(BigInt(bytes.length)), bytes])
}

eachServer('Numbers beyond 2^53', (server) => {
  const current = server.use()

  test('in limit and the bounds of revisions are no limit', async () => {
    const { client } = current()
    const key = fresh('large')
    await put(client, key, '1')
    for (const value of LARGE) {
      // limit, max_mod_revision, max_create_revision
      for (const field of [3, 11, 13]) {
        const request = Buffer.concat([KV.range.request.encode({ key }), number(field, value)])
        const [answer] = await client.send(KV.range.path, frameOf(request))
        expect(RangeResponse.decode(answer!).kvs.length, `field ${field}`).toBe(1)
      }
    }
    for (const field of [10, 12]) {
      const request = Buffer.concat([KV.range.request.encode({ key }), number(field, LEAST)])
      const [answer] = await client.send(KV.range.path, frameOf(request))
      expect(RangeResponse.decode(answer!).kvs.length, `field ${field}`).toBe(1)
    }
  })

  test('are compared as what they are', async () => {
    const { client } = current()
    const key = Buffer.from(fresh('large'))
    for (const value of LARGE) {
      // target and the field of its value: version, create, mod
      for (const [target, field] of [
        [0n, 4],
        [1n, 5],
        [2n, 6],
      ] as const) {
        const isLess = Buffer.concat([number(1, 2n), number(2, target), nested(3, key), number(field, value)])
        const [answer] = await client.send(KV.txn.path, frameOf(nested(1, isLess)))
        expect(TxnResponse.decode(answer!).succeeded).toBe(true)
      }
    }
  })

  test('are future revisions, and too large a time to live', async () => {
    const { client } = current()
    for (const value of LARGE) {
      const range = Buffer.concat([KV.range.request.encode({ key: 'a' }), number(4, value)])
      for (const [path, request] of [
        [KV.range.path, range],
        [KV.compact.path, number(1, value)],
        [Lease.grant.path, number(1, value)],
      ] as const) {
        expect((await refusal(client.send(path, frameOf(request)))).code, path).toBe(11)
      }
    }
  })

  test('a watch may start at', async () => {
    const { client } = current()
    const key = fresh('large')
    for (const value of LARGE) {
      const watch = new WatchClient<RawClient>(client)
      const create = Buffer.concat([nested(1, Buffer.from(key)), number(3, value)])
      watch.stream.sendBytes(frameOf(nested(1, create)))
      expect((await watch.next()).created).toBe(true)
      watch.stream.reset()
    }
  })
})
