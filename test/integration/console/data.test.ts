import { createConsole } from '@livetree/console'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type {
  HistoryPage,
  PlanView,
  RowsView,
  SchemaView,
  ValueView,
} from '../../../packages/console/src/wire/index.ts'
import { openShop, type Shop } from '../../console/shop.ts'

let shop: Shop
let pages: ReturnType<typeof createConsole>

beforeAll(async () => {
  shop = await openShop()
  pages = createConsole({ admin: shop.admin as never, authorize: () => ({ user: 'ana' }) })
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
