import { connect } from 'node:net'
import { startEmbeddedEtcd } from '@livetree/embedded'
import { KV } from '@livetree/etcd/wire'
import fc from 'fast-check'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { MAX_JSON_BYTES } from '../../packages/embedded/src/json/json-values.ts'
import { eachRealEtcd } from '../support/each-etcd.ts'
import { withoutOpenHandles } from '../support/open-handles.ts'
import { waitFor } from '../support/wait-for.ts'
import { isNewGateway, type Outcome, outcomeOf } from './gateway-answers.ts'
import { anyRequest, plainRequest } from './gateway-requests.ts'
import { ask, type HttpQuestion, linesOf, normalized, talk } from './http-client.ts'
import { RawClient } from './raw-client.ts'

withoutOpenHandles()

const base64 = (text: string): string => Buffer.from(text).toString('base64')
const json = (value: unknown): string => JSON.stringify(value)

/** Requests whose answers are the same on a new store of any server, in this order. */
const requests: readonly HttpQuestion[] = [
  ['/v3/kv/range', { key: base64('a') }],
  ['/v3beta/kv/put', { key: base64('a'), value: base64('1') }],
  ['/v3/kv/put', { key: base64('a'), value: base64('2'), prev_kv: true }],
  ['/v3/kv/range', { key: base64('a'), rangeEnd: base64('b') }],
  [
    '/v3/kv/txn',
    {
      compare: [{ target: 'VALUE', key: base64('a'), value: base64('2') }],
      success: [{ requestPut: { key: base64('b') } }, { request_range: { key: base64('a') } }],
    },
  ],
  ...[{ target: 9 }, { target: 9, result: 'LESS' }, { target: 9, key: base64('a'), result: 'NOT_EQUAL' }].map(
    (compare): [string, unknown] => ['/v3/kv/txn', { compare: [compare] }],
  ),
  ['/v3/kv/txn', { success: [{ request_txn: { failure: [{ request_put: {} }] } }, {}] }],
  ['/v3/kv/deleterange', { key: base64('b'), prev_kv: true }],
  ['/v3/kv/compaction', { revision: '3' }],
  ['/v3/kv/compaction', { revision: 2 }],
  ['/v3/kv/range', { key: base64('a'), revision: 99 }],
  ['/v3/lease/grant', { ID: '7', TTL: 60 }],
  ['/v3/lease/grant', { ID: '7', TTL: 60 }],
  ['/v3/lease/leases', {}],
  ['/v3/kv/lease/leases', {}],
  ['/v3/kv/lease/timetolive', { ID: 8 }],
  ['/v3/kv/lease/revoke', { ID: 7 }],
  ['/v3/lease/revoke', { ID: 7 }],
  ['/v3/lease/timetolive', { ID: '-5', keys: true }],
  ['/v3/cluster/member/list', {}],
  ['/v3/cluster/member/promote', { ID: 5 }],
  ['/v3/cluster/member/remove', { ID: 5 }],
  ['/v3/maintenance/status', {}],
  ['/v3/maintenance/defragment', {}],
  ['/v3/maintenance/hash', {}],
  ['/v3/maintenance/transfer-leadership', { targetID: 5 }],
  ['/v3/auth/user/add', { name: 'anna', password: 'x' }],
  ['/v3/auth/user/add', { name: 'anna', password: 'x' }],
  ['/v3/auth/role/add', { name: 'reader' }],
  ['/v3/auth/user/grant', { user: 'anna', role: 'reader' }],
  ['/v3/auth/role/grant', { name: 'reader', perm: { permType: 'READWRITE', key: base64('a') } }],
  ['/v3/auth/role/get', { role: 'reader' }],
  ['/v3/auth/user/get', { name: 'anna' }],
  ['/v3/auth/user/list', {}],
  ['/v3/auth/role/list', {}],
  ['/v3/auth/authenticate', { name: 'anna', password: 'x' }],
  ['/v3/auth/enable', {}],
  ['/v3/auth/disable', {}],
  ['/v3/auth/user/revoke', { name: 'anna', role: 'reader' }],
  ['/v3/auth/role/revoke', { role: 'reader', key: base64('a') }],
  ['/v3/auth/role/delete', { role: 'reader' }],
  ['/v3/auth/user/changepw', { name: 'nobody', password: 'y' }],
  ['/v3/auth/user/delete', { name: 'anna' }],
].map(([path, body]) => ({ path: path as string, body: json(body) }))

/** What is below calls: paths, methods and bodies. */
const odd: readonly HttpQuestion[] = [
  { path: '/v3/kv/range' },
  { path: '/v3/kv/range', body: ' \n' },
  { path: '/v3/kv/range', body: '{"key":"YQ=="} and more' },
  { path: '/v3/kv/range', body: '{"key":"YQ=="' },
  { path: '/v3/kv/range', body: '{"key":"YQ==",}' },
  { path: '/v3/kv/range?key=YQ==' },
  { path: '/v3/kv%2Fran%67e', body: '{"key":"YQ=="}' },
  { path: '/v3/kv/range', headers: { 'content-type': 'text/plain' }, body: '{"key":"YQ=="}' },
  { path: '/v3/kv/range', headers: { 'x-long': 'x'.repeat(100_000) }, body: '{"key":"YQ=="}' },
  { path: '/v3/kv/range', headers: { 'grpc-timeout': '1n' }, body: '{"key":"YQ=="}' },
  { path: '/v3/kv/range', headers: { 'grpc-timeout': 'x' }, body: '{"key":"YQ=="}' },
  ...[
    '/v3/',
    '/v3',
    '/v3/kv/range/',
    '/v3/kv/range:x',
    '/v3alpha/kv/range',
    '/V3/kv/range',
    '/v3beta',
    '/v3beta/',
  ].map((path) => ({ path, body: '{}' })),
  ...['//v3/kv/range', '/v3/./kv/range?x=1', '/v3/kv/../watch', '/nothing', '/v3/nothing', '/'].map(
    (path) => ({
      path,
      body: '{}',
    }),
  ),
  ...['/health', '/version'].flatMap((path) => ['POST', 'OPTIONS'].map((method) => ({ method, path }))),
  ...['GET', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'].flatMap((method) =>
    ['/v3/kv/range', '/nothing'].map((path) => ({ method, path })),
  ),
]

eachRealEtcd('The JSON gateway of embedded and', (etcd) => {
  let real = ''
  let embedded = ''
  let isNew = false
  beforeAll(async () => {
    real = (await etcd.start()).endpoint
    const server = await startEmbeddedEtcd()
    embedded = server.endpoint
    isNew = await isNewGateway(real)
    return () => server.close()
  })

  const both = async (question: HttpQuestion): Promise<[Outcome, Outcome]> => {
    const [ours, theirs] = await Promise.all([ask(embedded, question), ask(real, question)])
    return [outcomeOf(ours, isNew), outcomeOf(theirs, isNew)]
  }

  test('give the same answers to calls', async () => {
    for (const question of requests) {
      const [ours, theirs] = await both(question)
      expect(ours, `${question.path} ${question.body}`).toEqual(theirs)
    }
  })

  test('give the same answers to odd requests', async () => {
    for (const question of odd) {
      const [ours, theirs] = await both(question)
      expect(ours, `${question.method} ${question.path} ${question.body}`).toEqual(theirs)
    }
  })

  test('give the same answers to random requests', async () => {
    const kinds = isNew ? fc.oneof(plainRequest, anyRequest) : plainRequest
    await fc.assert(
      fc.asyncProperty(fc.array(kinds, { minLength: 20, maxLength: 20 }), async (questions) => {
        for (const question of questions) {
          const [ours, theirs] = await both(question)
          expect(ours, `${question.path} ${question.body}`).toEqual(theirs)
        }
      }),
      { seed: 19, numRuns: 8, endOnFailure: true },
    )
  })

  test('give the same lines to a watch and to renewals', async () => {
    const key = base64('lines')
    const path = '/v3/kv/put'
    for (const value of ['1', '2']) await both({ path, body: json({ key, value: base64(value) }) })
    const [{ body: now }] = await both({ path: '/v3/kv/range', body: json({ key }) })
    const revision = Number((now as { header: { revision: string } }).header.revision)
    const start = revision - 1
    const watch = json({ create_request: { key, start_revision: start, prev_kv: true } })
    const empty = json({ create_request: { key, rangeEnd: key } })
    const far = json({ createRequest: { key, startRevision: revision + 5, watchId: '9' } })
    for (const [stream, body, count] of [
      ['watch', watch, 2],
      ['watch', empty, 1],
      ['watch', `${far}\n${json({ cancel_request: { watch_id: 9 } })}`, 2],
      ['watch', `${far}{"nonsense`, 1],
      ['lease/keepalive', '{"ID":5}{"ID":"6"}', 2],
    ] as const) {
      const [ours, theirs] = await Promise.all(
        [embedded, real].map((endpoint) => linesOf(endpoint, `/v3/${stream}`, body, count)),
      )
      expect(normalized(ours), body).toEqual(normalized(theirs))
    }
  })

  test('give the same answers to locks and elections', async () => {
    const name = base64('queue')
    const run = async (endpoint: string): Promise<unknown[]> => {
      const call = async (path: string, body: unknown): Promise<Outcome> =>
        outcomeOf(await ask(endpoint, { path: `/v3/${path}`, body: json(body) }), isNew)
      for (const ID of [91, 92]) await call('lease/grant', { ID, TTL: 100 })
      const first = await call('lock/lock', { name, lease: 91 })
      const second = call('lock/lock', { name, lease: 92 })
      const queue = { key: base64('queue/'), range_end: base64('queue0') }
      await waitFor(async () => json(await call('kv/range', queue)).includes('"count":"2"'))
      const unlocked = await call('lock/unlock', { key: base64('queue/5b') })
      const answers = [first, unlocked, await second]
      answers.push(await call('lock/lock', { name, lease: 93 }), await call('lock/unlock', {}))
      const vote = base64('vote')
      answers.push(await call('election/leader', { name: vote }))
      const campaign = (await call('election/campaign', { name: vote, lease: 91, value: base64('a') })).body
      const { key, rev } = (campaign as { leader: { key: string; rev: string } }).leader
      const leader = { name: vote, key, rev, lease: 91 }
      answers.push(await call('election/proclaim', { leader, value: base64('b') }))
      const seen = await linesOf(endpoint, '/v3/election/observe', json({ name: vote }), 1)
      answers.push(await call('election/resign', { leader }), await call('election/resign', {}))
      answers.push(await call('election/proclaim', { leader }))
      return [campaign, normalized(seen), ...answers]
    }
    const [ours, theirs] = await Promise.all([embedded, real].map(run))
    expect(json(ours).replaceAll(/"revision":"\d+"/g, '')).toEqual(
      json(theirs).replaceAll(/"revision":"\d+"/g, ''),
    )
  })

  test('take the token as `Authorization`, and give the same errors', async () => {
    const steps: readonly [string, unknown][] = [
      ['user/add', { name: 'root', password: 'pw' }],
      ['role/add', { name: 'root' }],
      ['user/grant', { user: 'root', role: 'root' }],
      ['enable', {}],
    ]
    for (const [path, body] of steps) {
      const [ours, theirs] = await both({ path: `/v3/auth/${path}`, body: json(body) })
      expect(ours).toEqual(theirs)
    }
    const ends = await Promise.all(
      [embedded, real].map(async (endpoint) => {
        const login = { path: '/v3/auth/authenticate', body: json({ name: 'root', password: 'pw' }) }
        const { token } = JSON.parse((await ask(endpoint, login)).body) as { token: string }
        const range = { path: '/v3/kv/range', body: json({ key: base64('k') }) }
        const names = ['authorization', 'grpc-metadata-token', 'grpc-metadata-authorization', 'token']
        const tried = [...names.map((name) => ({ [name]: token })), { authorization: 'nonsense' }]
        const statuses = []
        for (const headers of tried) {
          const answer = await ask(endpoint, { ...range, headers })
          statuses.push([answer.status, outcomeOf(answer, isNew)])
        }
        await ask(endpoint, { path: '/v3/auth/disable', headers: { authorization: token }, body: '{}' })
        return statuses.map(([status, outcome]) => [status, (outcome as Outcome).status])
      }),
    )
    expect(ends[0]).toEqual(ends[1])
    expect(ends[0]?.map(([status]) => status)).toEqual([200, 200, 200, 400, 401])
  })
})

describe('The JSON gateway of embedded', () => {
  const start = async (options = {}) => {
    const server = await startEmbeddedEtcd(options)
    onTestFinished(() => server.close())
    return server
  }

  /** The number of open watch streams. */
  const streamsOf = async (endpoint: string): Promise<number> => {
    const { body } = await ask(endpoint, { method: 'GET', path: '/metrics' })
    return Number(/^etcd_debugging_mvcc_watch_stream_total (\d+)$/m.exec(body)?.[1])
  }

  test('ends a watch when its client goes away, and every stream when it stops', async () => {
    const server = await start()
    const create = json({ create_request: { key: base64('a') } })
    await linesOf(server.endpoint, '/v3/watch', create, 1)
    await waitFor(async () => (await streamsOf(server.endpoint)) === 0)
    const lines = linesOf(server.endpoint, '/v3/watch', create, 3)
    await waitFor(async () => (await streamsOf(server.endpoint)) === 1)
    await server.close()
    expect(await lines).toMatchObject([
      { result: { created: true } },
      { error: { code: 14, grpc_code: 14, http_code: 503, message: 'etcdserver: server stopped' } },
    ])
  })

  test('says that it has no snapshot', async () => {
    const { endpoint } = await start()
    const { status, body } = await ask(endpoint, { path: '/v3/maintenance/snapshot', body: '{}' })
    expect([status, JSON.parse(body)]).toMatchObject([501, { code: 12, message: /has no .*Snapshot/ }])
  })

  // etcd 3.5 says nothing to such a client.
  test('refuses a first message of a stream that is none', async () => {
    const { endpoint } = await start()
    for (const body of ['{bad', '{"create_request":5}']) {
      const answer = await ask(endpoint, { path: '/v3/watch', body })
      expect([answer.status, JSON.parse(answer.body)]).toMatchObject([400, { code: 3 }])
    }
  })

  test('bounds bodies and messages, and reads long ones in time', async () => {
    const { endpoint } = await start()
    const range = async (body: string | Buffer) => {
      const answer = await ask(endpoint, { path: '/v3/kv/range', body })
      return [answer.status, (JSON.parse(answer.body) as { message: string }).message]
    }
    expect(await range(Buffer.alloc(MAX_JSON_BYTES + 5, '['))).toEqual([400, 'exceeded max depth'])
    const [status, message] = await range(`{"key":"${'A'.repeat(2 * MAX_JSON_BYTES)}"}`)
    expect([status, message]).toEqual([429, expect.stringContaining(`at most ${MAX_JSON_BYTES} bytes`)])
    expect(await range(`{"key":"${base64('x'.repeat(2_100_000))}"}`)).toEqual([
      429,
      'grpc: received message larger than max (2100005 vs. 2097152)',
    ])
    expect(await range(`{"filters":[${'{},'.repeat(2_500_000)}{}]}`)).toEqual([
      429,
      expect.stringContaining('tokens'),
    ])
    expect((await range(`{"limit":"${'9'.repeat(1_000_000)}"}`))[0]).toBe(400)
    expect((await range(`{"limit":1${'0'.repeat(1_000_000)}1}`))[0]).toBe(400)
  })

  test('holds no events for a client that does not read its watch', async () => {
    const { endpoint } = await start()
    const client = new RawClient(endpoint)
    onTestFinished(() => client.close())
    const create = json({ create_request: { key: base64('a'), range_end: base64('b') } })
    const { hostname, port } = new URL(endpoint)
    const socket = connect(Number(port), hostname)
    onTestFinished(() => void socket.destroy())
    socket.write(`POST /v3/watch HTTP/1.1\r\nHost: x\r\nContent-Length: ${create.length}\r\n\r\n${create}`)
    await new Promise((resolve) => socket.once('readable', resolve))
    const value = Buffer.alloc(1_000_000, 1)
    for (let turn = 0; turn < 20; turn += 1) await client.call(KV.put, { key: 'a', value })
    await client.call(KV.compact, { revision: 21 })
    // What was not sent is not there any more: nobody held it for the client.
    let tail = ''
    socket.on('data', (chunk) => {
      tail = (tail + chunk.toString('latin1')).slice(-1000)
    })
    await waitFor(() => tail.includes('"canceled":true,"compact_revision":"21"'))
  })

  test('keeps a connection open, takes chunks of one byte and requests one behind the other', async () => {
    const { endpoint } = await start()
    const head = 'POST /v3/kv/range HTTP/1.1\r\nHost: x\r\n'
    const body = '{"key":"YQ=="}'
    const chunked = [...body].map((byte) => `1\r\n${byte}\r\n`).join('')
    const both = `${head}Transfer-Encoding: chunked\r\n\r\n${chunked}0\r\n\r\n${head}Content-Length: 14\r\n\r\n${body}`
    const text = await talk(endpoint, both, (got) => got.split('"revision"').length > 2)
    expect(text.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2)
  })
})
