import { op, type Ops } from '@livetree/etcd'
import { expect, test } from 'vitest'
import { TxnSize } from '../../../packages/etcd/src/reflector/txn-size.ts'
import { TxnSupport } from '../../../packages/etcd/src/reflector/txn-support.ts'
import { unchangedRanges } from '../../../packages/etcd/src/watch/unchanged-ranges.ts'
import { clientEtcds } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { connect } from './watch-kit.ts'

withoutOpenHandles()

clientEtcds('the revisions at which a range is unchanged', (etcd) => {
  test('are found without taking other keys for the same ones', async () => {
    const client = connect((await etcd.start()).endpoint)
    const name = { prefix: 'a/' }
    const write = async (...ops: Ops) =>
      (
        await client.kv
          .txn()
          .then(...ops)
          .commit()
      ).header.revision
    const from = await write(op.put('a/1', 'x'), op.put('a/2', 'x'))
    const sameAt = async (...at: readonly number[]) => {
      const [found] = await unchangedRanges({
        channel: client.channel,
        size: new TxnSize(),
        txns: new TxnSupport(),
        ranges: [
          {
            name,
            range: { key: Buffer.from('a/'), rangeEnd: Buffer.from('a0') },
            from,
            count: undefined,
            at,
          },
        ],
        clusterId: undefined,
        signal: new AbortController().signal,
      })
      return found?.sameAt
    }
    const elsewhere = await write(op.put('b', '1'))
    expect(await sameAt(elsewhere)).toEqual([elsewhere])
    const more = await write(op.put('a/3', 'x'))
    const fewer = await write(op.delete('a/3'))
    expect(await sameAt(elsewhere, more, fewer)).toEqual([elsewhere, fewer])
    // One key in the place of another, and then neither.
    const swapped = await write(op.delete('a/2'), op.put('a/3', 'x'))
    const without = await write(op.delete('a/3'))
    expect(await sameAt(elsewhere, swapped, without)).not.toContain(swapped)
    expect(await sameAt(swapped)).toEqual([])
    const again = await write(op.put('a/2', 'x'))
    expect(await sameAt(elsewhere, swapped, without, again)).toEqual([])
  })
})
