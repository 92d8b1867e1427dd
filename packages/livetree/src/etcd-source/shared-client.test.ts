import { Resolver } from 'node:dns'
import { type Clock, silentLogger } from '@livetree/core/source'
import { createTestClock } from '@livetree/core/testing'
import type { EtcdClientOptions } from '@livetree/etcd'
import { expect, onTestFinished, test } from 'vitest'
import { newClient, useClient } from './shared-client.ts'

const clock = createTestClock()
const runningClock: Clock = {
  now: () => Date.now(),
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
}
const ENDPOINTS = ['http://127.0.0.1:1', 'http://127.0.0.1:2']
const auth = { username: 'u', password: 'p' }

function use(options: EtcdClientOptions, given: Clock = clock, logger = silentLogger) {
  const used = useClient(options, given, logger)
  onTestFinished(() => used.release())
  return used
}

test('useClient: equal options give the same client, in whatever order the members are named', () => {
  const { client } = use({ endpoints: ENDPOINTS, auth })
  expect(use({ endpoints: ENDPOINTS.toReversed(), auth: { ...auth } }).client).toBe(client)
  expect(use({ endpoints: 'http://127.0.0.1:1' }).client).toBe(
    use({ endpoints: ['http://127.0.0.1:1'] }).client,
  )
})

test.each<[string, EtcdClientOptions]>([
  ['other members', { endpoints: ENDPOINTS.slice(1), auth }],
  ['another user', { endpoints: ENDPOINTS, auth: { ...auth, username: 'v' } }],
  ['another password', { endpoints: ENDPOINTS, auth: { ...auth, password: 'q' } }],
  ['no user', { endpoints: ENDPOINTS }],
  ['other times', { endpoints: ENDPOINTS, auth, timeouts: { callMs: 1 } }],
  ['another namespace', { endpoints: ENDPOINTS, auth, namespace: '/a' }],
  ['certificates of a function', { endpoints: ENDPOINTS, auth, tls: () => ({}) }],
])('useClient: %s give another client', (_name, options) => {
  const secure = { ...options, ...('tls' in options && { endpoints: ['https://127.0.0.1:1'] }) }
  const first = use({ endpoints: ENDPOINTS, auth })
  expect(use(secure).client).not.toBe(first.client)
})

test('useClient: another clock, and a client of its own, are not shared', async () => {
  const { client } = use({ endpoints: ENDPOINTS })
  expect(use({ endpoints: ENDPOINTS }, createTestClock()).client).not.toBe(client)
  const own = newClient({ endpoints: ENDPOINTS }, clock, silentLogger)
  expect(own.client).not.toBe(client)
  await own.release()
})

test('useClient: it is closed with the last use, each of which ends once, and then made anew', async () => {
  const one = use({ endpoints: ENDPOINTS, auth })
  const other = use({ endpoints: ENDPOINTS, auth })
  await one.release()
  await one.release()
  const later = use({ endpoints: ENDPOINTS, auth })
  expect(later.client).toBe(other.client)
  await Promise.all([other.release(), later.release()])
  await expect(one.client.kv.get('k')).rejects.toMatchObject({ code: 'closed' })
  expect(use({ endpoints: ENDPOINTS, auth }).client).not.toBe(one.client)
})

test('useClient: what is undefined is not given', () => {
  const { client } = use({ endpoints: ENDPOINTS })
  for (const odd of [{ auth: undefined }, { auth: undefined, namespace: undefined, tls: undefined }]) {
    const options = { endpoints: ENDPOINTS, ...odd } as unknown as EtcdClientOptions
    expect(use(options).client).toBe(client)
  }
  const timeouts = { callMs: 5_000 }
  const timed = use({ endpoints: ENDPOINTS, timeouts }).client
  const odd = { endpoints: ENDPOINTS, timeouts: { ...timeouts, attemptMs: undefined } }
  expect(use(odd as unknown as EtcdClientOptions).client).toBe(timed)
})

test('useClient: options that are changed in place afterwards are other options', () => {
  const changing = { ...auth }
  const names = [...ENDPOINTS]
  const options = { endpoints: names, auth: changing }
  const { client } = use(options)
  changing.password = 'new'
  expect(use(options).client).not.toBe(client)
  expect(use({ endpoints: ENDPOINTS, auth: { ...auth, password: 'new' } }).client).not.toBe(client)
  names.pop()
  changing.password = auth.password
  expect(use(options).client).not.toBe(client)
  expect(use({ endpoints: ENDPOINTS, auth }).client).toBe(client)
})

test('useClient: bytes are equal by what they hold, when the client was made', () => {
  const namespace = Buffer.from('/a/')
  const { client } = use({ endpoints: ENDPOINTS, namespace })
  expect(use({ endpoints: ENDPOINTS, namespace: Buffer.from('/a/') }).client).toBe(client)
  namespace.write('/b/')
  expect(use({ endpoints: ENDPOINTS, namespace }).client).not.toBe(client)
})

/** Forms of one group of options that the client reads alike. */
const FORMS: readonly ((group: object) => object)[] = [
  (group) => ({ ...group }),
  (group) => Object.freeze(Object.fromEntries(Object.entries(group).reverse())),
  (group) => Object.create(group) as object,
  (group) => new Proxy({}, { get: (_, name) => Reflect.get(group, name) as unknown }),
  (group) => propertiesOf(group, (value) => ({ value })),
  (group) => propertiesOf(group, (value) => ({ get: () => value })),
  (group) =>
    Object.create(propertiesOf(group, (value) => ({ get: () => value, enumerable: true }))) as object,
  (group) => new (ownClassOf(group))(),
]

function propertiesOf(group: object, describe: (value: unknown) => PropertyDescriptor): object {
  const given = Object.entries(group).map(([name, value]) => [name, describe(value)] as const)
  return Object.defineProperties({}, Object.fromEntries(given))
}

function ownClassOf(group: object): new () => object {
  class Own {
    readonly #group = group
    of(name: string): unknown {
      return Reflect.get(this.#group, name)
    }
  }
  for (const name of Object.keys(group)) {
    Object.defineProperty(Own.prototype, name, {
      get(this: Own) {
        return this.of(name)
      },
    })
  }
  return Own
}

const SECURE = ['https://127.0.0.1:1']

test.each<[string, object, object]>([
  ['auth', { username: 'u', password: 'p' }, { username: 'u', password: 'q' }],
  ['tls', { servername: 'a', passphrase: 'p' }, { servername: 'b', passphrase: 'p' }],
  ['timeouts', { callMs: 5_000, connectMs: 10 }, { callMs: 5_000, connectMs: 11 }],
  ['backoff', { minMs: 10, maxMs: 20 }, { minMs: 10, maxMs: 21 }],
  ['limits', { txnOps: 10 }, { txnOps: 11 }],
  ['watch', { progressIntervalMs: 500 }, { progressIntervalMs: 501 }],
  ['discovery', { domain: 'a.test', serviceName: 's' }, { domain: 'a.test', serviceName: 't' }],
  [
    'options',
    { namespace: Buffer.of(1), auth },
    { namespace: Buffer.of(1), auth: { ...auth, username: 'v' } },
  ],
])('useClient: %s are what the client reads of them, in whatever form they come', (name, group, others) => {
  const given = (form: (group: object) => object, content: object): EtcdClientOptions => {
    const place = name === 'discovery' ? {} : { endpoints: SECURE }
    return name === 'options' ? form({ ...place, ...content }) : { ...place, [name]: form(content) }
  }
  const [plain, ...forms] = FORMS
  const { client } = use(given(plain!, group))
  for (const form of forms) {
    expect(use(given(form, group)).client).toBe(client)
    const other = use(given(form, others)).client
    expect(other).not.toBe(client)
    for (const each of FORMS) expect(use(given(each, others)).client).toBe(other)
  }
})

test('useClient: objects with methods are equal to themselves alone, whatever they show', () => {
  class Own {
    readonly #port: number
    constructor(port: number) {
      this.#port = port
    }
    resolveSrv(_name: string, done: (error: Error) => void): void {
      done(new Error(`no answer from port ${this.#port}`))
    }
  }
  const native = (server: string) => {
    const resolver = new Resolver()
    resolver.setServers([server])
    return resolver
  }
  const plain = () => ({ resolveSrv: Own.prototype.resolveSrv })
  const pairs = [
    [native('127.0.0.1:53'), native('127.0.0.1:54')],
    [new Own(1), new Own(2)],
    [plain(), plain()],
  ]
  for (const [one, other] of pairs) {
    const given = (resolver: unknown) =>
      ({ discovery: { domain: 'a.test', resolver } }) as unknown as EtcdClientOptions
    const { client } = use(given(one))
    expect(use(given(one)).client).toBe(client)
    expect(use(given(other)).client).not.toBe(client)
  }
})

test('useClient: a client is made of the options that were compared, though a getter gives others each time', () => {
  let reads = 0
  const turning = {
    username: 'u',
    get password() {
      return `p${reads++}`
    },
  }
  const options = { endpoints: ENDPOINTS, auth: turning }
  const { client } = use(options)
  expect(reads).toBe(1)
  expect(use({ endpoints: ENDPOINTS, auth: { username: 'u', password: 'p0' } }).client).toBe(client)
  expect(use(options).client).not.toBe(client)
})

test('useClient: what the client logs comes to each configuration once, while it uses the client', async () => {
  const said: string[] = []
  const loggerOf = (name: string) => ({
    ...silentLogger,
    warn: (text: string) => void said.push(`${name}: ${text}`),
  })
  const [one, two] = [loggerOf('one'), loggerOf('two')]
  let isBroken = false
  const tls = () => {
    if (isBroken) throw new Error('no file')
    return {}
  }
  const options = { endpoints: 'https://127.0.0.1:1', tls, timeouts: { callMs: 200 } }
  const first = use(options, runningClock, one)
  use(options, runningClock, two)
  use(options, runningClock, two)
  isBroken = true
  await expect(first.client.kv.get('k')).rejects.toThrow()
  const warned = [...new Set(said)]
  expect(warned.map((text) => text.slice(0, 3)).sort()).toEqual(['one', 'two'])
  expect(said.filter((text) => text.startsWith('one'))).toHaveLength(said.length / 2)
  await first.release()
  said.length = 0
  await expect(first.client.kv.get('k')).rejects.toThrow()
  expect(said.filter((text) => text.startsWith('one'))).toEqual([])
})
