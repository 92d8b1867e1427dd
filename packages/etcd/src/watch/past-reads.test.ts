import { describe, expect, it } from 'vitest'
import { EtcdError, type EtcdErrorCode } from '../index.ts'
import { TxnSize } from '../reflector/txn-size.ts'
import { TxnSupport } from '../reflector/txn-support.ts'
import type { Channel } from '../transport/transport.ts'
import { type NamedRead, PastReads } from './past-reads.ts'

/** A server that fails transactions, reads of some keys, or neither. */
function playServer(failures: { readonly txn?: EtcdErrorCode; readonly denied?: string }) {
  const calls: string[] = []
  const txns = new TxnSupport()
  const answerOf = (revision: number) => ({ kvs: [], count: revision, more: false, header: undefined })
  const channel = {
    unary: async (
      _: unknown,
      request: { success?: { request: { value: { revision: number } } }[] } & {
        revision: number
        key: string
      },
    ) => {
      if (request.success !== undefined) {
        calls.push('txn')
        if (failures.txn !== undefined) throw new EtcdError(failures.txn)
        const values = request.success.map((each) => answerOf(each.request.value.revision))
        return { responses: values.map((value) => ({ response: { type: 'range', value } })) }
      }
      calls.push('range')
      if (request.key === failures.denied) throw new EtcdError('permission_denied')
      return answerOf(request.revision)
    },
  } as unknown as Channel
  const read = (reads: readonly NamedRead[], areCheap?: boolean) =>
    new PastReads({
      channel,
      size: new TxnSize(),
      txns,
      clusterId: undefined,
      signal: new AbortController().signal,
    }).all(reads, areCheap)
  return { calls, read }
}

const reads = (count: number): NamedRead[] =>
  Array.from({ length: count }, (_, index) => ({
    name: { key: `k${index}` },
    read: { key: `k${index}`, revision: index + 1 },
  }))
const COUNTS = Array.from({ length: 40 }, (_, index) => index + 1)

describe('PastReads', () => {
  it('answers in the order of the reads: few one by one, many in a few transactions', async () => {
    const { calls, read } = playServer({})
    expect((await read(reads(3))).map(({ count }) => count)).toEqual([1, 2, 3])
    expect(calls.splice(0)).toEqual(['range', 'range', 'range'])
    expect((await read(reads(40))).map(({ count }) => count)).toEqual(COUNTS)
    expect(calls).toEqual(Array.from({ length: 8 }, () => 'txn'))
  })

  it('asks for cheap ones in one transaction, or at once where there is none', async () => {
    const one = playServer({})
    expect((await one.read(reads(4), true)).map(({ count }) => count)).toEqual([1, 2, 3, 4])
    expect(one.calls).toEqual(['txn'])
    const none = playServer({ txn: 'unimplemented' })
    await none.read(reads(4), true)
    none.calls.length = 0
    expect((await none.read(reads(4), true)).map(({ count }) => count)).toEqual([1, 2, 3, 4])
    expect(none.calls).toEqual(['range', 'range', 'range', 'range'])
  })

  it.each(['unimplemented', 'resource_exhausted', 'deadline_exceeded', 'permission_denied'] as const)(
    'reads one by one where transactions fail with %s',
    async (code) => {
      const { calls, read } = playServer({ txn: code })
      expect((await read(reads(40))).map(({ count }) => count)).toEqual(COUNTS)
      calls.length = 0
      await read(reads(40))
      // It is remembered of what lets no transaction through.
      expect(calls.includes('txn')).toBe(code === 'permission_denied')
    },
  )

  it('names the range that may not be read', async () => {
    for (const count of [3, 40]) {
      const { read } = playServer({ txn: 'permission_denied', denied: 'k2' })
      await expect(read(reads(count))).rejects.toMatchObject({
        code: 'permission_denied',
        range: { key: 'k2' },
      })
    }
  })
})
