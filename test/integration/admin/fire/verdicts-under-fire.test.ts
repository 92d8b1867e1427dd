import { type Convergence, createAdmin } from '@livetree/admin'
import { createEtcdClient } from '@livetree/etcd'
import { defineConfig, etcd, type LiveConfig } from 'livetree'
import { joinFleet } from 'livetree/fleet'
import { expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { oneEtcd } from '../../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../../support/open-handles.ts'
import { isLongRun } from '../../../support/run-length.ts'
import { startProxy, type TcpProxy } from '../../../support/start-proxy.ts'

const APPLIES = isLongRun ? 200 : 8
/** The largest pool that each version of the application takes. */
const VERSIONS = [50, 100, 200] as const
const INSTANCES_OF_EACH = isLongRun ? 20 : 3
const ROOT = '/config/shop'

const shopOf = (most: number) =>
  defineConfig({ name: 'shop', schema: z.object({ pool: z.number().max(most).default(1) }) })

/** What one instance itself has seen. */
interface Seen {
  readonly id: string
  readonly most: number
  readonly config: LiveConfig<{ readonly pool: number }>
  /** Every pool that was in service. */
  readonly applied: Set<number>
  /** Revisions of the updates that it rejected. */
  readonly rejected: Set<number>
}

withoutOpenHandles()

oneEtcd('verdicts under fire', (etcdUnderTest) => {
  test('what verdicts() returns is what the log of each instance says, while connections are cut', async () => {
    const { endpoint } = await etcdUnderTest.start()
    const store = createEtcdClient({ endpoints: [endpoint] })
    onTestFinished(() => store.close())
    const admin = createAdmin(shopOf(200), { store: { endpoints: [endpoint], root: ROOT } })
    onTestFinished(() => admin.close())
    await store.kv.put(`${ROOT}/pool`, '1')
    const links: TcpProxy[] = []
    const fleet: Seen[] = []
    for (const most of VERSIONS) {
      const link = await startProxy({ target: endpoint })
      onTestFinished(() => link.close())
      links.push(link)
      for (let index = 0; index < INSTANCES_OF_EACH; index++)
        fleet.push(await instanceOf(link, most, `${most}-${index}`))
    }
    for (let apply = 1; apply <= APPLIES; apply++) {
      // what all take, what two versions take, and what one takes, by turns
      const value = 1 + (apply % 49) + 50 * (apply % 3)
      const link = links[apply % (VERSIONS.length + 1)]
      const timer = setTimeout(() => link?.cutAll(), Math.random() * 30)
      const applied = await admin.set('pool', value, { force: true })
      const found = await applied.verdicts({ timeoutMs: 45_000 })
      clearTimeout(timer)
      compare(found, fleet, value)
    }
    expect((await admin.instances()).instances).toHaveLength(fleet.length)
  })

  async function instanceOf({ endpoint }: TcpProxy, most: number, id: string): Promise<Seen> {
    const source = etcd({ endpoints: [endpoint], root: ROOT })
    const config = await shopOf(most).load({ sources: [source], logger: false })
    onTestFinished(() => config.close())
    const seen: Seen = { id, most, config, applied: new Set([config.current.pool]), rejected: new Set() }
    config.on('change', () => seen.applied.add(config.current.pool))
    config.on('rejected', ({ revision }) => seen.rejected.add(revision))
    await joinFleet(config, { id, spreadMs: 20 })
    return seen
  }

  /** Each instance has to have said what it did, and done what its schema says. */
  function compare({ revision, answers }: Convergence, fleet: readonly Seen[], value: number) {
    expect(answers.map(({ instance }) => instance.id).sort()).toEqual(fleet.map(({ id }) => id).sort())
    for (const { id, most, config, applied, rejected } of fleet) {
      const answer = answers.find(({ instance }) => instance.id === id)
      const shown = `${id}: ${answer?.verdict} of ${value} at ${revision}`
      expect(answer?.verdict, shown).toBe(value <= most ? 'applied' : 'rejected')
      if (value <= most) expect(config.current.pool, shown).toBe(value)
      else {
        expect(applied.has(value), shown).toBe(false)
        expect(
          [...rejected].some((each) => each >= revision),
          shown,
        ).toBe(true)
        expect(answer?.issues, shown).toMatchObject([{ path: 'pool', keys: [`${ROOT}/pool`] }])
      }
    }
  }
})
