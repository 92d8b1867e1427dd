import { createConsole } from '@livetree/console'
import { createAdmin } from '@livetree/admin'
import { startEmbeddedEtcd } from '@livetree/embedded'
import { createEtcdClient } from '@livetree/etcd'
import { defineConfig, etcd, keyring, secret } from 'livetree'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import type {
  AppliedView,
  CompareView,
  ConvergenceView,
  HistoryPage,
  LiveView,
  PlanView,
  RowsView,
  SchemaView,
  ValueView,
} from '../../../packages/console/src/wire/index.ts'
import { openShop, type Shop } from '../../console/shop.ts'
import { watchFromNow } from '../../support/watch-from-now.ts'

let shop: Shop
let pages: ReturnType<typeof createConsole>

beforeAll(async () => {
  shop = await openShop()
  const environments = { staging: shop.staging as never }
  pages = createConsole({ admin: shop.admin as never, environments, authorize: () => ({ user: 'ana' }) })
})
afterAll(async () => {
  await pages.close()
  await shop[Symbol.asyncDispose]()
})

async function get<R>(address: string, query: Readonly<Record<string, string | number>> = {}): Promise<R> {
  const search = new URLSearchParams(
    Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]),
  )
  const response = await pages.fetch(new Request(`http://any.example/api/${address}?${search}`))
  return (await response.json()) as R
}

async function post<R>(address: string, body: object): Promise<R> {
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  return (await (await pages.fetch(new Request(`http://any.example/api/${address}`, init))).json()) as R
}

const valueAt = (...path: string[]) => get<ValueView>('value', { path: JSON.stringify(path) })

describe('the tree', () => {
  test('tells set, overridden, default and not set apart, and masks secrets', async () => {
    const { rows, values, isValid } = await post<RowsView>('tree', {})
    const shown = (name: string) => rows.find((row) => row.name === name)
    expect({ values, isValid }).toEqual({ values: 12, isValid: true })
    expect(shown('greeting')).toMatchObject({ value: 'Hello', from: 'base', overrides: 0, depth: 0 })
    expect(shown('max')).toMatchObject({ value: '40', from: 'prod', overrides: 1, depth: 2 })
    expect(shown('logLevel')).toMatchObject({ value: 'info', from: 'default' })
    expect(shown('from')).toMatchObject({ value: '', valueKind: 'nothing', from: '' })
    expect(shown('url')).toMatchObject({ valueKind: 'secret' })
    expect(shown('pool')).toMatchObject({ type: 'group', count: 2, isOpen: true })
  })

  test('is given in windows, with groups opened and closed one by one', async () => {
    const closed = await post<RowsView>('tree', { isOpen: false })
    expect(closed.rows.map(({ name }) => name)).toEqual([
      ...['greeting', 'logLevel', 'http', 'db', 'mail', 'features', 'limits'],
    ])
    const toggled = [['db'], ['db', 'pool']]
    const open = await post<RowsView>('tree', { isOpen: false, toggled, offset: 4, limit: 3 })
    expect(open).toMatchObject({ total: 11, offset: 4 })
    expect(open.rows.map(({ name, depth }) => [name, depth])).toEqual([
      ['url', 1],
      ['pool', 1],
      ['min', 2],
    ])
  })

  test('is searched in paths and values, all words, as a flat list', async () => {
    const found = async (search: string) =>
      (await post<RowsView>('tree', { search })).rows.map(({ name }) => name)
    expect(await found('POOL max')).toEqual(['db.pool.max'])
    expect(await found('a.example')).toEqual(['http.hosts'])
    expect(await found('hello nothing')).toEqual([])
    expect(await found('hunter2')).toEqual([])
  })

  test('shows what the store holds while the schema refuses it, and heals', async () => {
    await shop.client.kv.put('/config/shop/prod/db/pool/max', 'many')
    const broken = await post<RowsView>('tree', {})
    expect(broken).toMatchObject({ isValid: false, issues: [{ pathText: 'db.pool.max' }] })
    expect(broken.rows.find(({ name }) => name === 'max')).toMatchObject({ value: 'many', hasIssue: true })
    expect(await valueAt('db', 'pool', 'max')).toMatchObject({
      text: 'many',
      issues: [{ pathText: 'db.pool.max' }],
    })
    await shop.client.kv.put('/config/shop/prod/db/pool/max', '40')
    expect(await post<RowsView>('tree', {})).toMatchObject({ isValid: true, issues: [] })
  })
})

describe('a comparison', () => {
  const linesOf = ({ places }: CompareView) =>
    places.map(({ pathText, lines }) => [pathText, ...lines.map(({ at, into, from }) => [at, into, from])])

  test('of two layers is by place, lists as one, with what is missing on either side', async () => {
    const into = '/config/shop/prod'
    const view = await get<CompareView>('compare', { from: '/config/shop/base', into })
    expect(linesOf(view)).toEqual([
      ['db.pool.max', ['', '40', '20']],
      ['features.newCart', ['', 'true', undefined]],
      ['http.hosts', ['0', 'a.example.com', undefined], ['1', 'b.example.com', undefined]],
      ['db.url', ['', undefined, '[secret]']],
      ['greeting', ['', undefined, 'Hello']],
    ])
    expect(view.places.every(({ canPromote }) => canPromote)).toBe(true)
    const found = await get<CompareView>('compare', { from: '/config/shop/base', into, search: 'HELLO' })
    expect(found).toMatchObject({ total: 5, found: 1, places: [{ pathText: 'greeting' }] })
  })

  test('of two environments is by what is in effect, and no layer is rid of what both inherit', async () => {
    const view = await get<CompareView>('compare', { environment: 'staging' })
    expect(linesOf(view)).toEqual([
      ['greeting', ['', 'Hello', 'Hello from staging']],
      ['http.hosts', ['1', 'b.example.com', 'c.example.com']],
      ['db.url', ['', '[secret]', '[secret]']],
      ['features.gifts', ['', undefined, 'true']],
    ])
    await shop.client.kv.delete('/config/staging/prod/features/newCart')
    const { places } = await get<CompareView>('compare', { environment: 'staging' })
    expect(places.filter(({ canPromote }) => !canPromote)).toMatchObject([
      { pathText: 'features.newCart', lines: [{ into: 'true' }] },
    ])
    expect(await get('compare', { environment: 'nowhere' })).toMatchObject({ code: 'not_found' })
  })

  test('is promoted as a plan, secrets and lists too, as they are when it is applied', async () => {
    const from = { environment: 'staging', layer: '' }
    const paths = [
      ['db', 'url'],
      ['http', 'hosts'],
      ['features', 'gifts'],
    ]
    const change = { promote: { from, layer: '/config/shop/prod', paths } }
    const plan = await post<PlanView>('plan', change)
    expect(plan.issues).toEqual([])
    expect(plan.changes.map(({ pathText, after, isSecret }) => [pathText, after, isSecret])).toEqual([
      ['db.url', '[secret]', true],
      ['http.hosts', '["a.example.com","c.example.com"]', false],
      ['features.gifts', 'true', false],
    ])
    await shop.client.kv.put('/config/staging/prod/http/hosts', '["d.example.com"]')
    const wire = { change, message: '', allowRemoval: false }
    expect(await post('apply', { ...wire, digest: plan.digest })).toMatchObject({ code: 'moved' })
    const { digest } = await post<PlanView>('plan', change)
    expect(await post('apply', { ...wire, digest })).toMatchObject({ revision: expect.any(Number) })
    const textAt = async (key: string) => (await shop.client.kv.get(`/config/shop/prod/${key}`))?.text
    expect(await textAt('http/hosts')).toBe('["d.example.com"]')
    expect(await textAt('db/url')).toBe((await shop.client.kv.get('/config/staging/base/db/url'))?.text)
    const left = await get<CompareView>('compare', { environment: 'staging', search: 'db' })
    expect(left).toMatchObject({ found: 0 })
  })

  test('is not promoted with a secret that was written after it was looked at', async () => {
    const key = '/config/staging/base/db/url'
    for (const from of [
      { environment: 'staging', layer: '' },
      { environment: 'staging', layer: '/config/staging/base' },
    ]) {
      await shop.client.kv.put(key, `looked at ${from.layer}`)
      const change = { promote: { from, layer: '/config/shop/prod', paths: [['db', 'url']] } }
      const wire = { change, message: '', allowRemoval: false }
      const { digest } = await post<PlanView>('plan', change)
      await shop.client.kv.put(key, `written later ${from.layer}`)
      expect(await post('apply', { ...wire, digest })).toMatchObject({ code: 'moved' })
      const again = await post<PlanView>('plan', change)
      // what else is written in either environment is of no concern
      await shop.client.kv.put('/config/staging/base/greeting', `Hello from ${from.layer}`)
      const applied = await post('apply', { ...wire, digest: again.digest })
      expect(applied).toMatchObject({ revision: expect.any(Number) })
    }
  })

  test('removes nothing from a layer that another environment does not have as a whole', async () => {
    await shop.client.kv.put('/config/shop/prod/features/ours', 'true')
    await shop.client.kv.put('/config/staging/prod/features/theirs', 'true')
    const planOf = (from: object, ...paths: string[][]) =>
      post<PlanView>('plan', { promote: { from, layer: '/config/shop/prod', paths } })
    const whole = { environment: 'staging', layer: '' }
    const refused = { code: 'invalid_value', message: expect.stringContaining('"features.ours"') }
    expect(await planOf(whole, ['features', 'ours'])).toMatchObject(refused)
    expect(await planOf(whole, ['features', 'theirs'], ['features', 'ours'])).toMatchObject(refused)
    expect(await planOf(whole, ['features'])).toMatchObject({ code: 'invalid_value' })
    const { changes } = await planOf(whole, ['features', 'theirs'])
    expect(changes).toMatchObject([{ type: 'added', pathText: 'features.theirs' }])
    const layer = { environment: 'staging', layer: '/config/staging/prod' }
    expect((await planOf(layer, ['features', 'ours'])).changes).toMatchObject([{ type: 'removed' }])
    // a list is one place, however much of it goes
    await shop.client.kv.put('/config/shop/prod/http/hosts', '["a","b","c"]')
    await shop.client.kv.put('/config/staging/prod/http/hosts', '["a"]')
    expect((await planOf(whole, ['http', 'hosts'])).changes).toMatchObject([{ after: '["a"]' }])
  })
})

test('a value says what it takes, where it is from, and what may be chosen', async () => {
  expect(await valueAt('http', 'timeoutMs')).toMatchObject({
    text: '1000',
    takes: 'integer',
    default: '1000',
    description: 'Of a whole request, in milliseconds.',
    layers: [{ name: 'base' }, { name: 'prod' }],
  })
  expect(await valueAt('logLevel')).toMatchObject({ choices: ['debug', 'info', 'warn'], isOptional: true })
  expect(await valueAt('features', 'newCart')).toMatchObject({ choices: ['true', 'false'], text: 'true' })
  expect(await valueAt('http', 'port')).toMatchObject({ needsRestart: true })
  expect(await valueAt('greeting')).toMatchObject({ isOptional: false, choices: [] })
  expect(await valueAt('nothing')).toMatchObject({ code: 'not_found' })
})

test('the schema lists every place, without the default of a secret', async () => {
  const { places, more } = await get<SchemaView>('schema')
  expect(more).toBe(0)
  expect(places).toContainEqual({
    path: ['http', 'timeoutMs'],
    pathText: 'http.timeoutMs',
    takes: 'integer',
    default: '1000',
    description: 'Of a whole request, in milliseconds.',
    isSecret: false,
    isOptional: true,
    needsRestart: false,
  })
  expect(places.find(({ pathText }) => pathText === 'db.url')).toMatchObject({
    isSecret: true,
    isOptional: false,
  })
  expect(places.map(({ pathText }) => pathText)).toContain('limits.<key>.<key>')
})

test('the history has records and writes of other tools in their order, as far back as is asked for', async () => {
  await shop.admin.set('mail.from', 'one', { overlay: 'prod', author: 'bob', message: 'first' })
  await shop.client.kv.put('/config/shop/prod/mail/from', 'two')
  await shop.admin.set('mail.from', 'three', { overlay: 'prod', author: 'ana' })
  const path = JSON.stringify(['mail', 'from'])
  const { entries } = await get<HistoryPage>('history', { path })
  expect(entries.map(({ author, changes }) => [author, changes[0]?.before, changes[0]?.after])).toEqual([
    ['ana', 'two', 'three'],
    ['', 'one', 'two'],
    ['bob', undefined, 'one'],
  ])
  const near = await get<HistoryPage>('history', { path, back: 1 })
  expect(near.entries.map(({ author }) => author)).toEqual(['ana', 'bob'])
  const first = await get<HistoryPage>('history', { path, limit: 1 })
  expect(first).toMatchObject({ entries: [{ author: 'ana' }], hasMore: true })
})

test('a change is applied only as it was looked at', async () => {
  const change = { layer: '/config/shop/prod', steps: [{ path: ['mail', 'isEnabled'], text: 'false' }] }
  const { digest } = await post<PlanView>('plan', change)
  await shop.client.kv.put('/config/shop/prod/mail/isEnabled', 'true')
  const wire = { change, digest, message: '', allowRemoval: false }
  expect(await post('apply', wire)).toMatchObject({ code: 'moved' })
  const again = await post<PlanView>('plan', change)
  expect(await post('apply', { ...wire, digest: again.digest })).toMatchObject({
    revision: expect.any(Number),
  })
  expect((await shop.client.kv.get('/config/shop/prod/mail/isEnabled'))?.text).toBe('false')
})

/** A stream of events with its tail. */
class OpenTail {
  readonly views: LiveView[] = []
  readonly #stop = new AbortController()

  constructor(query = '') {
    void this.#read(query).catch(() => {})
  }

  get changes(): readonly number[] {
    return this.views.flatMap(({ changes }) => changes.map(({ revision }) => revision))
  }

  get said(): readonly number[] {
    return this.views.flatMap(({ said }) => said.map(({ revision }) => revision))
  }

  get position(): string {
    const { changesUntil = 0, saidUntil = 0 } = this.views.at(-1) ?? {}
    return `&changes=${changesUntil}&said=${saidUntil}`
  }

  close(): void {
    this.#stop.abort()
  }

  async #read(query: string): Promise<void> {
    const { signal } = this.#stop
    const response = await pages.fetch(
      new Request(`http://any.example/api/events?live=1${query}`, { signal }),
    )
    let text = ''
    for await (const part of response.body ?? []) {
      text += Buffer.from(part).toString()
      const blocks = text.split('\n\n')
      text = blocks.pop() ?? ''
      for (const block of blocks)
        if (block.includes('event: live'))
          this.views.push(JSON.parse(block.slice(block.indexOf('data: ') + 6)) as LiveView)
    }
  }
}

test('a write that is sent again has the answer to the first one, and is written once', async () => {
  const change = { layer: '/config/shop/prod', steps: [{ path: ['mail', 'from'], text: 'once@example.com' }] }
  const { digest } = await post<PlanView>('plan', change)
  const [id, another, refusedId] = ['e015', 'e016', 'e017'].map(
    (end) => `01a22b10-6a65-7467-b708-24bcf523${end}`,
  )
  const wire = { id, change, digest, message: '', allowRemoval: false }
  const [first, second] = await Promise.all([post<AppliedView>('apply', wire), post('apply', wire)])
  expect(first).toMatchObject({ revision: expect.any(Number), id: expect.stringMatching(/./) })
  expect(first).toMatchObject({ id })
  expect([second, await post('apply', wire)]).toEqual([first, first])
  // whichever process of the application it gets to
  const environments = { staging: shop.staging as never }
  const own = pages
  pages = createConsole({ admin: shop.admin as never, environments, authorize: () => ({ user: 'ana' }) })
  expect(await post('apply', wire)).toEqual(first)
  await pages.close()
  // and to nobody else
  pages = createConsole({ admin: shop.admin as never, authorize: () => ({ user: 'eve' }) })
  expect(await post('apply', wire)).toMatchObject({ code: 'moved' })
  await pages.close()
  pages = own
  // another page, and what failed, are judged anew
  expect(await post('apply', { ...wire, id: another })).toMatchObject({ code: 'moved' })
  const again = await post<PlanView>('plan', change)
  expect(again.changes).toEqual([])
  expect(await post('apply', { ...wire, id: 'of-the-page' })).toMatchObject({ code: 'invalid_options' })
  const refused = { ...wire, id: refusedId, digest: 'of nothing' }
  expect([await post('apply', refused), await post('apply', refused)]).toMatchObject([
    { code: 'moved' },
    { code: 'moved' },
  ])
})

test('the tail has each write and each word once, of whatever writer, also after a break', async () => {
  await shop.startInstance()
  const words: number[] = []
  const watcher = await watchFromNow(shop.client, { prefix: '/.livetree/instances/' }, ({ events }) => {
    words.push(...events.map(({ kv }) => kv.modRevision))
  })
  const write = async (text: string) => {
    const { header } = await shop.client.kv.put('/config/shop/prod/mail/from', text)
    return header.revision
  }
  const set = async (text: string) =>
    (await shop.admin.set('mail.from', text, { overlay: 'prod', author: 'ana' })).revision
  const first = new OpenTail()
  await expect.poll(() => first.views.some(({ saidUntil }) => saidUntil > 0)).toBe(true)
  await expect.poll(() => first.changes.length).toBeGreaterThan(3)
  const begun = first.changes.length
  const seen = [await set('by ana'), await write('by another tool')]
  await expect.poll(() => first.changes.slice(begun)).toEqual(seen)
  await expect.poll(() => words.length > 0 && first.said.at(-1) === words.at(-1)).toBe(true)
  first.close()
  const before = words.length
  const missed = [await write('while nobody looks'), await set('by ana again')]
  await expect.poll(() => words.length).toBeGreaterThan(before)
  const second = new OpenTail(first.position)
  await expect.poll(() => second.changes).toEqual(missed)
  const last = await write('and once more')
  await expect.poll(() => second.changes).toEqual([...missed, last])
  await expect.poll(() => second.said.at(-1) === words.at(-1)).toBe(true)
  second.close()
  watcher.cancel()
  const said = [...first.said, ...second.said]
  expect(said).toEqual([...new Set(said)].sort((a, b) => a - b))
  expect(words).toEqual(expect.arrayContaining(said))
  expect(second.said[0]).toBeGreaterThanOrEqual(words[before] ?? Number.NaN)
  expect([...first.views, ...second.views].some(({ hasGap }) => hasGap)).toBe(false)
})

test('an instance that reads other layers now, or cannot be read, has left', async () => {
  const own = { name: 'shop', id: 'moving', schema: 'x', host: 'h', pid: 1, startedAt: 0, at: 0 }
  const verdict = {
    verdict: 'applied',
    revision: 1,
    applied: 1,
    epoch: 0,
    state: 'live',
    servedFrom: 'sources',
  }
  const say = async (text: string) => {
    const { header } = await shop.client.kv.put('/.livetree/instances/shop/moving', text)
    return header.revision
  }
  const reading = (prefix: string) =>
    JSON.stringify({ version: 1, ...own, ...verdict, layers: [{ prefix: `/config/${prefix}` }] })
  const tail = new OpenTail()
  const seen = () =>
    tail.views
      .flatMap(({ said }) => said)
      .filter(({ instance }) => instance.id === 'moving')
      .map(({ revision, isGone }) => [revision, isGone])
  await expect.poll(() => tail.views.some(({ saidUntil }) => saidUntil > 0)).toBe(true)
  const expected: unknown[] = []
  for (const other of [reading('elsewhere'), 'damaged']) {
    expected.push([await say(reading('shop/prod')), false])
    await expect.poll(seen).toEqual(expected)
    expected.push([await say(other), true])
    await expect.poll(seen).toEqual(expected)
  }
  tail.close()
  await shop.client.kv.delete('/.livetree/instances/shop/moving')
})

test('a tail that is ahead of the store begins anew, and says so', async () => {
  const tail = new OpenTail('&changes=900000&said=900000')
  await expect.poll(() => tail.changes.length).toBeGreaterThan(3)
  expect(tail.views[0]).toMatchObject({ hasGap: true, changesUntil: 0, saidUntil: 0 })
  tail.close()
})

test('how fast a write gets to the instances is seen while a page is open, of whatever writer', async () => {
  const page = new OpenTail()
  const points = async () => (await get<ConvergenceView>('convergence')).points
  const write = async () => {
    const { header } = await shop.client.kv.put('/config/shop/prod/mail/from', String(Date.now()))
    return header.revision
  }
  // Only what is written once the instances are watched counts.
  await expect
    .poll(async () => {
      await write()
      return (await points()).length
    })
    .toBeGreaterThan(0)
  const byTool = await write()
  const byAdmin = (await shop.admin.set('mail.from', 'x', { overlay: 'prod' })).revision
  const both = { half: expect.any(Number), most: expect.any(Number), count: 1, behind: 0 }
  await expect
    .poll(async () => (await points()).slice(-2))
    .toMatchObject([
      { ...both, revision: byTool },
      { ...both, revision: byAdmin },
    ])
  page.close()
})

test('a secret that no instance was sent is said not to be judged', async () => {
  const steps = [{ path: ['db', 'url'], text: 'postgres://elsewhere/shop' }]
  const wire = { change: { layer: '/config/shop/prod', steps }, digest: '' }
  expect(await post('preflight', wire)).toMatchObject({ outcome: 'accepted', hidden: ['db.url'] })
  const open = { change: { ...wire.change, steps: [{ path: ['greeting'], text: 'x' }] }, digest: '' }
  expect(await post('preflight', open)).toMatchObject({ hidden: [] })
})

test('a change is not applied with another secret than the one that was looked at', async () => {
  const changeOf = (text: string) => ({
    layer: '/config/shop/prod',
    steps: [
      { path: ['db', 'url'], text },
      { path: ['greeting'], text: 'Hello again' },
    ],
  })
  const { digest } = await post<PlanView>('plan', { ...changeOf('postgres://one/shop') })
  expect((await post<PlanView>('plan', { ...changeOf('postgres://one/shop') })).digest).toBe(digest)
  expect(digest).not.toContain('one')
  const wire = { message: '', allowRemoval: false, digest }
  const other = { ...wire, change: changeOf('postgres://two/shop') }
  expect(await post('apply', other)).toMatchObject({ code: 'moved' })
  const same = { ...wire, change: changeOf('postgres://one/shop') }
  expect(await post('apply', same)).toMatchObject({ revision: expect.any(Number) })
})

test('a secret that stands in plain text where it should be encrypted says so, and is promoted as that', async () => {
  const schema = z.object({ p: secret(z.string(), { encrypted: true }).optional() })
  await using store = await startEmbeddedEtcd()
  await using client = createEtcdClient({ endpoints: [store.endpoint] })
  const sealedIn = (root: string, byte: number) =>
    createAdmin(
      defineConfig({
        ...{ name: 'sealed', schema, sources: () => [etcd({ endpoints: [store.endpoint], root })] },
        keys: () => keyring({ current: { id: `k${byte}`, key: Buffer.alloc(32, byte) } }),
      }),
    )
  await using admin = sealedIn('/config/sealed', 1)
  await using other = sealedIn('/config/sealed-too', 2)
  const environments = { other: other as never }
  const own = createConsole({ admin: admin as never, environments, authorize: () => ({ user: 'ana' }) })
  const call = async <R>(address: string, body?: object): Promise<R> => {
    const init = body && {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
      body: JSON.stringify(body),
    }
    return (await (await own.fetch(new Request(`http://any.example/api/${address}`, init))).json()) as R
  }
  const compared = () =>
    call<CompareView>('compare?environment=other&from=/config/sealed-too&into=/config/sealed')
  const from = { environment: 'other', layer: '/config/sealed-too' }
  const change = { promote: { from, layer: '/config/sealed', paths: [['p']] } }
  await other.set('p', 'first')
  expect((await compared()).places).toMatchObject([{ isSecret: true, isPlaintext: false }])
  const { issues, digest } = await call<PlanView>('plan', change)
  expect(issues).toEqual([])
  await call('apply', { id: '', change, digest, message: '', allowRemoval: false })
  expect((await admin.read()).value).toEqual({ p: 'first' })
  await client.kv.put('/config/sealed-too/p', 'foreign')
  expect((await compared()).places).toMatchObject([{ isSecret: true, isPlaintext: true }])
  const plan = await call<PlanView>('plan', change)
  expect(plan.issues).toMatchObject([{ message: expect.stringContaining('plain text') }])
  const applied = call('apply', { id: '', change, digest: plan.digest, message: '', allowRemoval: false })
  expect(await applied).toMatchObject({ code: 'invalid_tree' })
  await own.close()
})
