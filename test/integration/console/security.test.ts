import { request as httpRequest } from 'node:http'
import { gzipSync } from 'node:zlib'
import { createAdmin } from '@livetree/admin'
import { createConsole, startConsole } from '@livetree/console'
import { defineConfig, secret } from 'livetree'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import * as z from 'zod'
import { ALL_ROUTES } from '../../../packages/console/src/routes/all-routes.ts'
import type { Route } from '../../../packages/console/src/routes/route.ts'
import type { CompareView } from '../../../packages/console/src/wire/index.ts'
import { openShop, schema, type Shop, TAINT } from '../../console/shop.ts'

const HOSTILE = '<img src=x onerror=alert(1)>\u202e'
const TOKEN = 'token-of-the-tests-0123456789abcdefghijkl'
let shop: Shop

beforeAll(async () => {
  shop = await openShop({ token: TOKEN })
  await shop.startInstance()
  await shop.client.kv.put(`/config/shop/prod/features/${HOSTILE}`, 'true')
  await shop.client.kv.put('/config/shop/prod/greeting', HOSTILE)
  await shop.client.kv.put('/config/shop/prod/unknown-key', TAINT.slice(0, 7))
  await shop.admin.set('db.pool.max', 45, { overlay: 'prod', message: HOSTILE, author: HOSTILE })
})
afterAll(() => shop[Symbol.asyncDispose]())

/** A body that the route takes, and an address that it answers. */
function bodyFor({ path }: Route): object {
  const change = { layer: '/config/shop/prod', steps: [{ path: ['db', 'pool', 'max'], text: '41' }] }
  if (path === 'plan') return change
  return path === 'tree' ? {} : { change, digest: 'none', message: '', allowRemoval: false }
}

function addressOf(route: Route): string {
  const queries: Readonly<Record<string, string>> = {
    value: `?path=${encodeURIComponent('["db","url"]')}`,
    diff: '?from=4',
    verdicts: '?waitMs=1000',
    compare: '?environment=staging',
    events: '?live=1',
  }
  return `api/${route.path}${queries[route.path] ?? ''}`
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

/** As `fetch`, which does not let a test choose the host; of a stream, what comes first. */
function send(
  base: string,
  address: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  const { hostname, port } = new URL(base)
  return new Promise((resolve, reject) => {
    const path = `/${address}`
    const sent = httpRequest(
      { hostname, port, path, agent: false, method: options.method ?? 'GET', headers: options.headers },
      (response) => {
        let text = ''
        const done = () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text })
        response.setEncoding('utf8')
        response.on('data', (part: string) => {
          text += part
          if (response.headers['content-type'] === 'text/event-stream') {
            done()
            sent.destroy()
          }
        })
        response.on('end', done)
      },
    )
    sent.on('error', reject)
    sent.end(options.body)
  })
}

const signedIn = { authorization: `Bearer ${TOKEN}` }

function call(base: string, route: Route, headers: Record<string, string> = signedIn): Promise<Answer> {
  const isPost = route.method === 'POST'
  return send(base, addressOf(route), {
    method: route.method,
    headers: { ...(isPost && { 'content-type': 'application/json' }), ...headers },
    ...(isPost && { body: JSON.stringify(bodyFor(route)) }),
  })
}

describe.each(ALL_ROUTES.map((route) => ({ name: `${route.method} ${route.path}`, route })))(
  '$name',
  ({ route }) => {
    const isRefusedAs = async (answer: Promise<Answer>, status: number, code: string) => {
      const { status: found, text } = await answer
      expect({ found, text }).toMatchObject({
        found: status,
        text: expect.stringContaining(`"code":"${code}"`),
      })
    }

    test('without a token, and with a wrong one, is refused', async () => {
      for (const authorization of ['', 'Bearer', 'Bearer wrong', `Bearer ${TOKEN}x`, `Basic ${TOKEN}`])
        await isRefusedAs(call(shop.console.address, route, { authorization }), 401, 'not_signed_in')
      const { status } = await send(shop.console.address, `${addressOf(route)}?token=${TOKEN}`, {
        method: route.method,
      })
      expect(status).toBe(401)
    })

    test('for a foreign host or from a foreign page is refused, also with the token', async () => {
      for (const host of [
        'evil.example',
        'evil.example:80',
        '127.0.0.1.evil.example',
        'localhost.evil.example',
      ])
        await isRefusedAs(call(shop.console.address, route, { ...signedIn, host }), 421, 'foreign_host')
      for (const page of [
        { origin: 'https://evil.example' },
        { origin: 'null' },
        { origin: 'http://127.0.0.1:1' },
        { 'sec-fetch-site': 'cross-site' },
        { 'sec-fetch-site': 'same-site' },
      ])
        await isRefusedAs(call(shop.console.address, route, { ...signedIn, ...page }), 403, 'foreign_origin')
      const own = new URL(shop.console.address).origin
      const answers = [{ origin: own }, { origin: 'https://public.example', 'sec-fetch-site': 'same-origin' }]
      for (const page of answers) {
        const { text } = await call(shop.console.address, route, { ...signedIn, ...page })
        expect(text).not.toContain('foreign_origin')
      }
    })

    test('from a page at a host that is named is taken behind a proxy that passes another on', async () => {
      const hosts = ['config.internal', 'other.internal']
      await using console = createConsole({ admin: shop.admin as never, token: TOKEN, hosts })
      const isForeign = async (origin: string) => {
        const isPost = route.method === 'POST'
        const headers = { ...signedIn, origin, ...(isPost && { 'content-type': 'application/json' }) }
        const init = {
          method: route.method,
          headers,
          ...(isPost && { body: JSON.stringify(bodyFor(route)) }),
        }
        const request = new Request(`http://127.0.0.1:3000/${addressOf(route)}`, init)
        request.headers.set('host', '127.0.0.1:3000')
        const response = await console.fetch(request)
        if (response.status === 403) return (await response.text()).includes('foreign_origin')
        await response.body?.cancel()
        return false
      }
      expect(await isForeign('http://Config.internal:8080')).toBe(false)
      for (const origin of [
        'http://evil.example',
        'http://config.internal.evil.example',
        'null',
        'http://localhost',
      ])
        expect([origin, await isForeign(origin)]).toEqual([origin, true])
    })

    test('answers with what forbids a page to run anything, and no secret', async () => {
      const { headers, text, status } = await call(shop.console.address, route)
      expect(status).toBe(route.path === 'apply' ? 409 : 200)
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store',
        'x-frame-options': 'DENY',
        'content-security-policy': expect.stringContaining("script-src 'none'"),
      })
      expect(headers['content-type']).toMatch(/^(application\/json|text\/event-stream)/)
      expect(text).not.toContain(TAINT)
      expect(headers).not.toHaveProperty('access-control-allow-origin')
      expect(headers).not.toHaveProperty('set-cookie')
    })

    test('takes no other method', async () => {
      const method = route.method === 'GET' ? 'POST' : 'GET'
      for (const other of [method, 'PUT', 'DELETE', 'OPTIONS'])
        expect(
          (await send(shop.console.address, addressOf(route), { method: other, headers: signedIn })).status,
        ).toBe(404)
    })

    if (route.method === 'POST')
      test('takes nothing but JSON, and not too much of it', async () => {
        const body = JSON.stringify(bodyFor(route))
        for (const type of [
          'text/plain',
          'application/x-www-form-urlencoded',
          'multipart/form-data',
          'application/jsonx',
          '',
        ]) {
          const headers = { ...signedIn, 'content-type': type }
          await isRefusedAs(
            send(shop.console.address, addressOf(route), { method: 'POST', headers, body }),
            415,
            'not_json',
          )
        }
        const headers = { ...signedIn, 'content-type': 'application/json' }
        for (const bad of ['', '{', '[]', '5', 'null', '{"steps":{},"change":5,"toggled":5}']) {
          const { status } = await send(shop.console.address, addressOf(route), {
            method: 'POST',
            headers,
            body: bad,
          })
          expect({ bad, status }).toEqual({ bad, status: 400 })
        }
        const large = send(shop.console.address, addressOf(route), {
          method: 'POST',
          headers,
          body: `{"x":"${'x'.repeat(2 ** 21)}"}`,
        })
        await isRefusedAs(large, 413, 'too_large')
      })

    test('writes nothing where the console is read-only', async () => {
      const environments = { staging: shop.staging as never }
      const options = { admin: shop.admin as never, environments, token: TOKEN, readOnly: true }
      await using console = await startConsole(options)
      if (route.isMutating) await isRefusedAs(call(console.address, route), 403, 'read_only')
      else expect((await call(console.address, route)).status).toBe(200)
    })
  },
)

test('what the walk calls mutating is all that can write', () => {
  const mutating = ALL_ROUTES.filter(({ isMutating }) => isMutating).map(({ path }) => path)
  expect(mutating).toEqual(['plan', 'preflight', 'apply'])
})

test('the pages weigh at most 60 kB as they are sent', async () => {
  const files = await Promise.all(
    ['assets/app.js', 'assets/app.css'].map((name) => send(shop.console.address, name)),
  )
  expect(files.map(({ status }) => status)).toEqual([200, 200])
  expect(gzipSync(files.map(({ text }) => text).join('')).byteLength).toBeLessThan(60_000)
})

test('the page runs its own script alone, by a nonce of each answer', async () => {
  const pages = await Promise.all([send(shop.console.address, ''), send(shop.console.address, '')])
  const nonces = pages.map(
    ({ headers }) => /script-src 'nonce-([^']+)'/.exec(String(headers['content-security-policy']))?.[1],
  )
  expect(nonces[0]).toMatch(/^[\w+/]{22}==$/)
  expect(nonces[1]).not.toBe(nonces[0])
  for (const { text, headers } of pages) {
    expect(headers['content-security-policy']).not.toMatch(/unsafe|\*|http/)
    expect(text.match(/<(?:script|style|link rel="stylesheet")(?![^>]*nonce=)/)).toBeNull()
    expect(text).not.toContain(TOKEN)
  }
})

test.each([
  'assets/..%2f..%2fpackage.json',
  'assets/../index.js',
  'assets/%00',
  'assets/constructor',
  '..',
  'api',
  'api/',
  'api//tree',
  'api/nothing',
  'API/session',
  'assets/app.js/..',
])('there is nothing at %s', async (address) => {
  const { status, text } = await send(shop.console.address, address, { headers: signedIn })
  expect({ status, isPage: text.includes('<!doctype') && address !== '..' }).toEqual({
    status: address === '..' ? 200 : 404,
    isPage: false,
  })
})

test('what another schema calls secret is in no comparison, and is not promoted to where it would be shown', async () => {
  const open = schema.extend({
    db: schema.shape.db.extend({ url: z.string(), own: secret(z.string()).optional() }),
  })
  const store = { client: shop.client, root: '/config/staging', overlays: ['base', 'prod'] }
  await using admin = createAdmin(defineConfig({ name: 'shop', schema: open }), { store })
  const environments = { own: shop.admin as never }
  await using console = createConsole({ admin, environments, authorize: () => ({ user: 'ana' }) } as never)
  const answer = await console.fetch(new Request('http://any.example/api/compare?environment=own'))
  const text = await answer.text()
  expect(text).toContain('"pathText":"db.url","isSecret":true')
  expect(text).not.toContain(TAINT)
  const compared = JSON.parse(text) as CompareView
  expect(compared.places.find(({ pathText }) => pathText === 'db.url')).toMatchObject({ canPromote: false })
  // also not by a place that holds it, and something that is secret here too
  for (const [layer, path] of [
    ['', ['db', 'url']],
    ['', ['db']],
    ['/config/shop/base', ['db']],
  ] as const) {
    const from = { environment: 'own', layer }
    const change = { promote: { from, layer: '/config/staging/prod', paths: [path] } }
    const init = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(change),
    }
    const planned = await console.fetch(new Request('http://any.example/api/plan', init))
    expect([planned.status, await planned.text()]).toEqual([422, expect.not.stringContaining(TAINT)])
  }
})

describe('createConsole', () => {
  test.each<[string, object, RegExp]>([
    ['nothing that says who may use it', {}, /authorize, which decides by the request, or a token/],
    ['a short token', { token: 'short' }, /token/],
    ['a base path that is none', { token: TOKEN, basePath: 'ops?' }, /basePath/],
    ['a misspelt option', { token: TOKEN, readonly: true }, /Did you mean "readOnly"/],
    ['hosts that are none', { token: TOKEN, hosts: 'a' }, /hosts/],
    ['environments that are none', { token: TOKEN, environments: { a: {} } }, /environments/],
  ])('refuses %s', (_, options, message) => {
    expect(() => createConsole({ admin: shop.admin as never, ...options })).toThrow(message)
  })

  test.each(['127.0.0.1', '127.0.0.2', 'localhost', '0.0.0.0', '::', '0', '127.1'])(
    'opens at the address that it says, at %s',
    async (host) => {
      await using console = await startConsole({ admin: shop.admin as never, token: TOKEN, host })
      expect((await send(console.address, 'api/session', { headers: signedIn })).status).toBe(200)
      const foreign = await send(console.address, 'api/session', {
        headers: { ...signedIn, host: 'evil.example' },
      })
      expect(foreign.status).toBe(421)
    },
  )

  test('answers 503 to everything once it is closed, and keeps no connection', async () => {
    const console = createConsole({ admin: shop.admin as never, authorize: () => ({ user: 'ana' }) })
    await console.close()
    for (const address of ['', 'assets/app.js', 'api/session', 'api/events', 'api/value?path=[]']) {
      const { status, headers } = await console.fetch(new Request(`http://any.example/${address}`))
      expect([address, status, headers.get('connection')]).toEqual([address, 503, 'close'])
    }
    await expect(console.ready()).rejects.toMatchObject({ code: 'closed' })
  })

  test('asks authorize for every request of data, and takes what it throws for a no', async () => {
    await using console = createConsole({
      admin: shop.admin as never,
      authorize: ({ headers }) => {
        if (headers.get('x-user') === 'trouble') throw new Error(TAINT)
        return headers.get('x-user') === 'bob' ? { user: 'bob' } : undefined
      },
    })
    const statusFor = async (user: string) => {
      const response = await console.fetch(
        new Request('http://any.example/api/session', { headers: { 'x-user': user } }),
      )
      return [response.status, (await response.text()).includes(TAINT)]
    }
    expect(await statusFor('bob')).toEqual([200, false])
    expect(await statusFor('eve')).toEqual([401, false])
    expect(await statusFor('trouble')).toEqual([401, false])
  })
})

describe('a stream', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }))
  afterEach(() => void vi.useRealTimers())

  test.each<[string, unknown, boolean]>([
    ['goes on for the same user', { user: 'ana', can: { read: ['mail', 'features'] } }, true],
    ['ends for who is signed out', null, false],
    ['ends for another user', { user: 'bob', can: { read: ['features', 'mail'] } }, false],
    ['ends where less may be seen', { user: 'ana', can: { read: ['features'] } }, false],
    [
      'ends where less may be changed',
      { user: 'ana', can: { read: ['features', 'mail'], write: [] } },
      false,
    ],
    ['ends where nobody can tell', { user: '' }, false],
  ])('%s', async (_, later, goesOn) => {
    let principal: unknown = { user: 'ana', can: { read: ['features', 'mail'] } }
    const authorize = async () => principal as undefined
    await using console = createConsole({ admin: shop.admin as never, authorize })
    const stop = new AbortController()
    const { signal } = stop
    const { body } = await console.fetch(new Request('http://any.example/api/events?live=1', { signal }))
    const reader = body?.getReader()
    await reader?.read()
    principal = later
    await vi.advanceTimersByTimeAsync(15_000)
    let isOver = false
    const rest = (async () => {
      while ((await reader?.read())?.done === false);
      isOver = true
    })()
    if (!goesOn) await rest
    await shop.client.kv.put('/config/shop/prod/features/streamed', String(goesOn))
    expect(isOver).toBe(!goesOn)
    stop.abort()
    await rest
  })
})

describe('what authorize returns', () => {
  const statusOf = async (returned: unknown) => {
    const told: string[] = []
    const note = (message: string, fields?: { readonly error?: Error }) =>
      void told.push(`${message}: ${fields?.error?.message}`)
    const logger = { debug: note, info: note, warn: note, error: note }
    await using console = createConsole({
      admin: shop.admin as never,
      authorize: async () => returned as undefined,
      logger: logger as never,
    })
    const response = await console.fetch(new Request('http://any.example/api/session'))
    return { status: response.status, told }
  }

  test.each([[undefined], [null], [false], [''], [0], [Number.NaN]])('is nobody: %j', async (nobody) => {
    expect(await statusOf(nobody)).toEqual({ status: 401, told: [] })
  })

  test.each<[unknown, RegExp]>([
    [true, /got true/],
    ['ana', /got a text/],
    [[], /got an empty list/],
    [() => ({ user: 'ana' }), /got a function/],
    [{}, /user/],
    [{ user: '' }, /user = an empty text/],
    [{ user: 'x'.repeat(201) }, /user/],
    [{ user: 5 }, /user = 5/],
    [{ user: Promise.resolve('ana') }, /user = a promise/],
    [{ user: 'x', can: 'all' }, /can = a text/],
    [{ user: 'x', can: null }, /can = null/],
    [{ user: 'x', can: { read: 'features' } }, /can.read = a text/],
    [{ user: 'x', can: { write: [['features']] } }, /can.write = a list/],
    [{ user: 'x', can: { reads: [] } }, /Did you mean "read"/],
    [{ user: 'x', cans: { read: [] } }, /Did you mean "can"/],
    [{ user: 'x', can: undefined }, /can = undefined/],
    [{ user: 'x', can: { read: undefined, write: [] } }, /read = undefined/],
    [{ user: 'x', can: { write: undefined } }, /write = undefined/],
  ])('lets nobody in, and the log says why: %j', async (wrong, message) => {
    expect(await statusOf(wrong)).toEqual({ status: 401, told: [expect.stringMatching(message)] })
  })

  test.each([[{ user: 'x' }], [{ user: 'x', can: {} }], [{ user: 'x', can: { read: [] } }]])(
    'is a user: %j',
    async (user) => expect(await statusOf(user)).toEqual({ status: 200, told: [] }),
  )
})

describe('a user who may see and change a part', () => {
  const can = { read: ['features', 'http'], write: ['features'] }
  const open = () => createConsole({ admin: shop.admin as never, authorize: () => ({ user: 'bob', can }) })
  type Open = ReturnType<typeof open>
  const get = async (console: Open, address: string) => {
    const response = await console.fetch(new Request(`http://any.example/api/${address}`))
    return { status: response.status, text: await response.text() }
  }
  const post = async (console: Open, address: string, body: object) => {
    const init = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }
    const response = await console.fetch(new Request(`http://any.example/api/${address}`, init))
    return { status: response.status, text: await response.text() }
  }

  test('gets nothing else in any answer', async () => {
    await using console = open()
    const all = await Promise.all([
      post(console, 'tree', { isOpen: true }),
      post(console, 'tree', { search: 'pool' }),
      post(console, 'tree', { search: 'hello' }),
      get(console, 'history'),
      get(console, 'diff?from=4'),
      get(console, 'fleet'),
      get(console, 'schema'),
      get(console, 'verdicts?waitMs=1000'),
      get(console, 'convergence'),
      get(console, 'compare?from=/config/shop/base&into=/config/shop/prod'),
    ])
    for (const { text, status } of all) {
      expect(status).toBe(200)
      expect(text).not.toMatch(
        /pool|greeting|"mail"|onerror=alert\(1\)>\\u202e","valueKind":"text"|unknown-key/,
      )
    }
    expect(all[0]?.text).toContain('timeoutMs')
    const { body } = await console.fetch(new Request('http://any.example/api/events?live=1'))
    let live = ''
    for await (const part of body ?? []) {
      live += Buffer.from(part).toString()
      if (live.includes('"changes":[{')) break
    }
    expect(live).not.toMatch(/pool|greeting|"mail"/)
    for (const path of ['["db"]', '["db","pool","max"]', '["greeting"]', '[]', '["nothing"]'])
      expect((await get(console, `value?path=${encodeURIComponent(path)}`)).status).toBe(404)
    expect((await get(console, `history?path=${encodeURIComponent('["db"]')}`)).status).toBe(404)
  })

  test('changes nothing else, by whatever way', async () => {
    await using console = open()
    const layer = '/config/shop/prod'
    for (const change of [
      { layer, steps: [{ path: ['http', 'timeoutMs'], text: '5' }] },
      { layer, steps: [{ path: ['db', 'pool', 'max'], text: '5' }] },
      {
        layer,
        steps: [
          { path: ['features', 'a'], text: 'true' },
          { path: ['greeting'], text: 'x' },
        ],
      },
      { layer, steps: [{ path: [], text: '{}' }] },
      { rollbackTo: 4 },
      ...['greeting', 'http'].map((name) => ({
        promote: { from: { layer: '/config/shop/base' }, layer, paths: [[name]] },
      })),
      { rollbackTo: 4, only: [['db']] },
    ])
      expect((await post(console, 'plan', change)).status).toBe(403)
    const plan = await post(console, 'plan', { layer, steps: [{ path: ['features', 'a'], text: 'true' }] })
    expect(plan.status).toBe(200)
  })

  test('does not learn of a document what lies beside what they may see', async () => {
    await using console = open()
    await shop.client.kv.put(
      '/config/shop/base',
      '{"features":{"inDocument":true},"mail":{"from":"hidden@example.com"}}',
    )
    const layer = '/config/shop/base'
    const plan = await post(console, 'plan', {
      layer,
      steps: [{ path: ['features', 'inDocument'], text: 'false' }],
    })
    const history = await get(console, 'history')
    await shop.client.kv.delete('/config/shop/base')
    expect(plan).toMatchObject({ status: 403, text: expect.not.stringContaining('hidden@') })
    expect(history.text).not.toContain('hidden@')
  })
})
