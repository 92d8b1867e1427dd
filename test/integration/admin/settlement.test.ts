import { createAdmin } from '@livetree/admin'
import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import { defineConfig } from 'livetree'
import { beforeEach, expect, test } from 'vitest'
import * as z from 'zod'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { startProxy, type TcpProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'
import { listOf } from './list-of.ts'

const definition = defineConfig({
  name: 'shop',
  schema: z.object({ a: z.number().default(0), b: z.number().default(0) }),
})
/** A write is the only request that holds it. */
const MESSAGE = 'seen by the proxy'

withoutOpenHandles()

oneEtcd('admin, replies that are lost', (etcd) => {
  /** The way that the first write takes, and one that stays well. */
  let first: TcpProxy
  let other: TcpProxy
  let client: EtcdClient
  /** What happens to the first way when a write passes, before the server has it. */
  let onWrite: () => void
  let writes: number

  beforeEach(async () => {
    const { endpoint } = await etcd.emptied()
    writes = 0
    onWrite = () => {}
    const admit = (bytes: Buffer) => {
      if (bytes.includes(MESSAGE) && writes++ === 0) onWrite()
      return true
    }
    first = await startProxy({ target: endpoint, admit })
    other = await startProxy({ target: endpoint })
    client = createEtcdClient({ endpoints: [endpoint] })
    return async () => {
      await client.close()
      await first.close()
      await other.close()
    }
  })

  const openAdmin = (endpoints: readonly string[], timeoutMs = 20_000) =>
    createAdmin(definition, {
      author: 'ana',
      timeoutMs,
      store: { endpoints, root: '/config/shop', timeouts: { callMs: 2_000 } },
    })
  const records = async () => {
    const { entries } = await client.kv.getRange({ prefix: '/.livetree/history/config/shop/' })
    return entries.map(({ text, version, createRevision }) => {
      const { kind, id } = JSON.parse(text) as { readonly kind: string; readonly id: string }
      return { kind, id, version, createRevision }
    })
  }
  const outcomeOf = (applying: Promise<unknown>) =>
    applying.then(
      () => undefined,
      (error: unknown) => error,
    )

  /** Applies a change whose reply is lost once it is written. */
  async function applyUnanswered(admin: ReturnType<typeof openAdmin>) {
    const plan = await admin
      .change()
      .set((c) => c.a, 1)
      .plan()
    onWrite = () => first.dropReplies()
    const applying = plan.apply({ message: MESSAGE })
    await waitFor(async () => first.droppedBytes > 0 && (await records()).length > 0, {
      what: 'a lost answer',
    })
    return { applying }
  }

  test('a reply that is lost: the record says that it was applied, and it is not written again', async () => {
    await using admin = openAdmin([first.endpoint])
    const { applying } = await applyUnanswered(admin)
    first.heal()
    first.cutAll()
    const { revision } = await applying
    expect(await client.kv.get('/config/shop/a')).toMatchObject({ version: 1, modRevision: revision })
    expect(await records()).toMatchObject([{ kind: 'change', version: 1, createRevision: revision }])
  })

  test('a reply that is lost, and the record is pruned since: the history of the store says that it was applied', async () => {
    await using admin = openAdmin([first.endpoint])
    const { applying } = await applyUnanswered(admin)
    const written = await records()
    await client.kv.deleteRange({ prefix: '/.livetree/history/config/shop/' })
    await client.kv.put('/config/shop/a', '2')
    first.heal()
    first.cutAll()
    expect((await applying).revision).toBe(written[0]?.createRevision)
    expect(await client.kv.get('/config/shop/a')).toMatchObject({ text: '2', version: 2 })
  })

  test('a request that is lost, and another write has taken its id: a conflict', async () => {
    const id = '01930000-0000-7000-8000-00000000abcd'
    await using admin = openAdmin([first.endpoint])
    await using others = openAdmin([other.endpoint])
    const plan = await admin.change().set('a', 1).plan()
    const same = await others.change().set('b', 2).plan()
    onWrite = () => first.stall('toServer')
    const applying = outcomeOf(plan.apply({ id, message: MESSAGE }))
    await waitFor(() => writes > 0, { what: 'a write on its way' })
    await same.apply({ id })
    first.cutAll()
    first.heal()
    expect(await applying).toMatchObject({ code: 'conflict', message: expect.stringContaining(id) })
    expect(await client.kv.get('/config/shop/a')).toBeUndefined()
  })

  test('a request that arrives late is not applied beside the one that was sent again', async () => {
    await using admin = openAdmin([first.endpoint, other.endpoint])
    const plan = await admin
      .change()
      .set((c) => c.a, 1)
      .plan()
    onWrite = () => first.stall('toServer')
    await plan.apply({ message: MESSAGE })
    const before = await client.kv.get('/config/shop/a')
    first.heal()
    await client.kv.put('/other', 'x')
    expect(await client.kv.get('/config/shop/a')).toMatchObject({
      version: 1,
      modRevision: before?.modRevision,
    })
    expect(await records()).toMatchObject([{ kind: 'change', version: 1 }])
  })

  test('a write that is aborted is settled first: it was applied, or a void record keeps it from being applied late', async () => {
    await using admin = openAdmin([first.endpoint, other.endpoint])
    const plan = await admin
      .change()
      .set((c) => c.a, 1)
      .plan()
    const stop = new AbortController()
    onWrite = () => {
      first.stall('toServer')
      stop.abort()
    }
    const error = await outcomeOf(plan.apply({ message: MESSAGE, signal: stop.signal }))
    const settled = await records()
    first.heal()
    first.cutAll()
    if (writes === 0) return
    const isApplied = error === undefined
    expect(settled).toMatchObject([{ kind: isApplied ? 'change' : 'void', version: 1 }])
    if (!isApplied) expect(error).toMatchObject({ code: 'aborted' })
    expect((await client.kv.get('/config/shop/a')) !== undefined).toBe(isApplied)
    const shown = await listOf(admin.history({ recordedOnly: true }))
    expect(shown).toHaveLength(isApplied ? 1 : 0)
  })

  test('a write that was applied and is then aborted is reported as applied', async () => {
    await using admin = openAdmin([first.endpoint, other.endpoint])
    const plan = await admin
      .change()
      .set((c) => c.a, 1)
      .plan()
    const stop = new AbortController()
    onWrite = () => first.dropReplies()
    const applying = plan.apply({ message: MESSAGE, signal: stop.signal })
    // By the other way the answer arrives, and there is nothing to settle.
    const isLost = await Promise.race([
      applying.then(() => false),
      waitFor(async () => first.droppedBytes > 0 && (await records()).length > 0, { what: 'a lost answer' }),
    ])
    if (isLost) stop.abort()
    const { revision } = await applying
    expect(await records()).toMatchObject([{ kind: 'change', createRevision: revision }])
  })

  test('a store that stays away: the error names the id, and find() answers once it is back', async () => {
    await using admin = openAdmin([first.endpoint], 1_000)
    const plan = await admin
      .change()
      .set((c) => c.a, 1)
      .plan()
    onWrite = () => first.dropReplies()
    const error = await outcomeOf(plan.apply({ message: MESSAGE }))
    const [record] = await records()
    expect(error).toMatchObject({
      code: 'outcome_unknown',
      message: expect.stringContaining(record?.id ?? '?'),
    })
    first.heal()
    first.cutAll()
    expect(await admin.find(record?.id ?? '')).toMatchObject({ revision: record?.createRevision })
    expect(await client.kv.get('/config/shop/a')).toMatchObject({ version: 1 })
  })

  test('revisions() says when the store is away, and when it is back', async () => {
    const admin = openAdmin([first.endpoint])
    const seen: number[] = []
    const contacts: boolean[] = []
    const following = (async () => {
      for await (const revision of admin.revisions({ onContact: (isThere) => void contacts.push(isThere) }))
        seen.push(revision)
    })().catch((error: unknown) => error)
    await waitFor(() => seen.length === 1, { what: 'the first revision' })
    expect(contacts).toEqual([])
    await first.refuse()
    first.cutAll()
    await waitFor(() => contacts.join() === 'false', { what: 'the loss' })
    await first.accept()
    await waitFor(() => contacts.join() === 'false,true', { what: 'the return' })
    await client.kv.put('/config/shop/a', '3')
    await waitFor(() => seen.length === 2, { what: 'the next revision' })
    await admin.close()
    expect(await following).toMatchObject({ code: 'closed' })
  })
})
