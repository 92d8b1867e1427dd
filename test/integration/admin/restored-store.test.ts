import { type Admin, createAdmin } from '@livetree/admin'
import { createEtcdClient } from '@livetree/etcd'
import { defineConfig } from 'livetree'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'

const schema = z.object({ a: z.number().default(0), b: z.number().default(0), n: z.number().default(0) })
const definition = defineConfig({ name: 'shop', schema })

type Shop = z.output<typeof schema>

withoutOpenHandles()

oneEtcd('a store that was restored from a backup under the same ids', (etcd) => {
  /** Plans on a store, restores it from before, and has others write the same keys at the same revisions. */
  async function restored(isPast: boolean) {
    etcd.needs('snapshot')
    const server = await etcd.start()
    const folder = mkdtempSync(join(tmpdir(), 'livetree-snapshot-'))
    const client = createEtcdClient({ endpoints: [server.endpoint] })
    const admin = createAdmin(definition, {
      author: 'ana',
      store: { endpoints: [server.endpoint], root: '/config/shop' },
    }) as Admin<Shop>
    onTestFinished(async () => {
      await admin.close()
      await client.close()
      rmSync(folder, { recursive: true, force: true })
    })
    const put = (name: string, value: string) => waitFor(() => client.kv.put(`/config/shop/${name}`, value))
    await put('b', '1')
    const snapshotFile = join(folder, 'snapshot.db')
    await server.saveSnapshot(snapshotFile)
    const { header } = await put('a', '10')
    for (let time = 0; time < 5; time++) await client.kv.put('/other', 'x')
    const changed = await admin.change().set('a', 11).plan()
    const removed = await admin.change().unset('a').plan()
    const added = await admin.change().set('n', 7).plan()
    const saved = { changed: changed.save(), removed: removed.save(), added: added.save() }
    await server.restart({ snapshotFile, keepIdentity: true })
    const again = await put('a', '99')
    expect(again.header.revision).toBe(header.revision)
    await put('n', '98')
    for (let time = 0; isPast && time < 8; time++) await client.kv.put('/other', 'x')
    const held = async () => {
      const { entries } = await client.kv.getRange({ prefix: '/config/shop/' })
      return entries.map(({ key, text }) => `${key.slice('/config/shop/'.length)}=${text}`)
    }
    return { admin, plans: { changed, removed, added }, saved, held }
  }

  test.each([
    ['is behind the plan', false, 'store_changed'],
    ['has passed the plan', true, 'conflict'],
  ] as const)('that %s: no plan writes over what others wrote', async (_name, isPast, code) => {
    const { admin, plans, saved, held } = await restored(isPast)
    for (const name of ['changed', 'removed', 'added'] as const) {
      await expect(plans[name].apply(), `held, ${name}`).rejects.toMatchObject({ code })
      const opened = admin.openPlan(saved[name]).then((plan) => plan.apply())
      await expect(opened, `saved, ${name}`).rejects.toMatchObject({ code })
    }
    expect(await held()).toEqual(['a=99', 'b=1', 'n=98'])
  })
})
