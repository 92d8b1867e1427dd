import type { EtcdClient, Lease } from '@livetree/etcd'
import { expect, test } from 'vitest'
import { systemClock } from '../clock.ts'
import { KeyKeeper } from './key-keeper.ts'

/** An operation of a transaction, as far as this test looks into it. */
interface TxnOp {
  encode(namespace: typeof NAMESPACE): { readonly request: { readonly type: string } }
}

const NAMESPACE = { key: (key: string) => key, range: () => ({}) }

type Call = 'farewell' | 'delete' | 'revoke'

/** A store of one key that refuses the calls that it is told to. */
class Store {
  readonly refused = new Set<Call>()
  readonly tried: Call[] = []
  key: { readonly value: string; readonly lease: bigint } | undefined
  leases = 0

  readonly client = {
    lease: { grant: async () => this.#grant() },
    kv: {
      put: async (_: string, value: string, { lease }: { lease: bigint }) => {
        this.key = { value, lease }
        return { header: { revision: 1 } }
      },
      txn: () => this.#txn(),
    },
    watch: { reflect: () => ({ cancel: () => undefined }) },
  } as unknown as EtcdClient

  #txn() {
    let call: Call = 'delete'
    const txn = {
      if: () => txn,
      // biome-ignore lint/suspicious/noThenProperty: a transaction of etcd has it
      then: ({ encode }: TxnOp) => {
        call = encode(NAMESPACE).request.type === 'put' ? 'farewell' : 'delete'
        return { commit: txn.commit }
      },
      commit: async () => {
        this.#try(call)
        if (call === 'delete') this.key = undefined
      },
    }
    return txn
  }

  #grant(): Lease {
    this.leases += 1
    const lost = new AbortController()
    const revoke = async () => {
      if (!lost.signal.aborted) lost.abort(new Error('revoked'))
      this.#try('revoke')
      this.leases = 0
      this.key = undefined
    }
    const keepAlive = () => undefined
    const lease = { id: 7n, lost: lost.signal, keepAlive, letExpire: keepAlive, revoke }
    return {
      ...lease,
      get isLost() {
        return lost.signal.aborted
      },
    } as unknown as Lease
  }

  #try(call: Call): void {
    this.tried.push(call)
    if (this.refused.has(call)) throw new Error(`${call} is refused`)
  }
}

async function keptIn(store: Store): Promise<KeyKeeper> {
  const keeper = new KeyKeeper({
    client: store.client,
    key: 'k',
    ttlSeconds: 10,
    clock: systemClock,
    reports: { info: () => undefined, warn: () => undefined },
    onState: () => undefined,
  })
  keeper.want('here')
  await keeper.settledOrFailed()
  expect(store.key?.value).toBe('here')
  return keeper
}

const CALLS: readonly Call[] = ['farewell', 'delete', 'revoke']
const ALL_REFUSALS = Array.from({ length: 8 }, (_, bits) => CALLS.filter((_, at) => (bits >> at) & 1))

test.each(ALL_REFUSALS.map((refused) => [refused]))(
  'a key is withdrawn as far as it can be while the store refuses %j, and wholly afterwards',
  async (refused) => {
    const store = new Store()
    const keeper = await keptIn(store)
    for (const call of refused) store.refused.add(call)
    keeper.unwant('leaving')
    await keeper.settledOrFailed()
    expect(store.tried, 'each is tried').toEqual(CALLS)
    const isLeft = refused.includes('delete') && refused.includes('revoke')
    expect(store.key === undefined).toBe(!isLeft)
    expect(keeper.isSettled, 'only a lease that is gone makes sure of it').toBe(!refused.includes('revoke'))
    store.refused.clear()
    while (!keeper.isSettled) await keeper.settledOrFailed()
    expect([store.key, store.leases, keeper.state]).toEqual([undefined, 0, 'absent'])
    await keeper.close()
  },
)

test('a keeper that is closed gives its lease back, and so takes its key with it', async () => {
  const store = new Store()
  const keeper = await keptIn(store)
  await keeper.close()
  expect([store.key, store.leases, keeper.state]).toEqual([undefined, 0, 'closed'])
  await keeper.close()
  expect(store.tried).toEqual(['revoke'])
})
