import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { assertNode } from './assert-node.ts'
import { CLIENT_OPTIONS, type EtcdClientOptions, resolveOptions } from './client-options.ts'
import { EtcdError } from './errors.ts'
import type { OptionKind } from './option-table.ts'

function refusal(options: unknown): string {
  try {
    resolveOptions(options as EtcdClientOptions)
  } catch (error) {
    if (error instanceof EtcdError && error.code === 'invalid_option') return error.what
    throw error
  }
  return 'accepted'
}

describe('resolveOptions', () => {
  test.each([
    ['127.0.0.1:2379', ['http://127.0.0.1:2379']],
    ['localhost', ['http://localhost:2379']],
    ['http://a:80', ['http://a:80']],
    ['https://a:443/', ['https://a:443']],
    ['https://a', ['https://a:2379']],
    ['HTTP://A:1', ['http://a:1']],
    ['[::1]:2380', ['http://[::1]:2380']],
    [
      ['http://a:1', 'http://b:1', 'http://a:1/'],
      ['http://a:1', 'http://b:1'],
    ],
  ])('takes endpoints such as %j', (endpoints, expected) => {
    expect(resolveOptions({ endpoints }).endpoints).toEqual(expected)
  })

  test('takes bare hosts as https when tls is given', () => {
    expect(resolveOptions({ endpoints: 'a:1', tls: {} }).endpoints).toEqual(['https://a:1'])
  })

  test("fills in every default, frozen, and leaves the caller's object alone", () => {
    const given = Object.freeze({ endpoints: Object.freeze(['a']) })
    const resolved = resolveOptions(given)
    expect(Object.isFrozen(resolved)).toBe(true)
    expect(resolved).toMatchObject({
      connectTimeoutMs: 3_000,
      callTimeoutMs: 10_000,
      attemptTimeoutMs: 5_000,
      pingIntervalMs: 20_000,
      maxRequestBytes: 1_572_864,
      maxTxnOps: 128,
      backoff: { minMs: 25, maxMs: 2_000, factor: 2, jitter: 0.5 },
      syncMembersMs: 0,
      credentials: undefined,
      tls: undefined,
    })
    expect(resolveOptions({ endpoints: 'a', timeouts: { callMs: 100 } }).attemptTimeoutMs).toBe(50)
    expect(resolveOptions({ endpoints: 'a', backoff: { minMs: 5_000 } }).backoff.maxMs).toBe(5_000)
  })

  test('what is changed in place afterwards changes nothing', () => {
    const namespace = Buffer.from('/a')
    const discovery = { domain: 'a.test', serviceName: 's' }
    const resolved = resolveOptions({ discovery, namespace })
    discovery.domain = 'b.test'
    namespace.write('/b')
    expect(resolved.discovery).toEqual({ domain: 'a.test', serviceName: 's' })
    expect(resolved.namespace.prefix).toEqual(Buffer.from('/a'))
  })

  test.each([
    [{}, 'no endpoints were given'],
    [{ endpoints: [] }, 'no endpoints were given'],
    [{ endpoints: [''] }, 'an endpoint is empty or no text'],
    [{ endpoints: [7] }, 'an endpoint is empty or no text'],
    [{ endpoints: 'http://' }, 'the endpoint http:// is not a URL'],
    [{ endpoints: 'ftp://a' }, 'the endpoint ftp://a begins with ftp://, not http:// or https://'],
    [{ endpoints: 'http://a/v3' }, 'the endpoint http://a… has more than a host and a port'],
    [{ endpoints: 'http://a?x=1' }, 'the endpoint http://a… has more than a host and a port'],
    [null, 'options is null, not an object'],
    [{ endpoints: 'a', timeouts: null }, 'timeouts is null, not an object'],
    ...(['watch', 'timeouts', 'limits'] as const).map((group): [object, string] => [
      { endpoints: 'a', [group]: new Date() },
      `${group} is an object, not a plain object: its contents would be ignored`,
    ]),
    [{ endpoints: 'a', auth: 'root:secret' }, 'auth is a text, not an object'],
    [{ endpoints: 'a', namespace: 5 }, 'namespace is neither text nor bytes'],
    [
      { endpoints: 'a', logger: console.log },
      'logger is a function, not an object with debug, info, warn, error',
    ],
    [{ endpoints: 'a', watch: { idsFrom: 'me' } }, "watch.idsFrom is neither 'server' nor 'client'"],
    [
      { endpoint: 'a' },
      'there is no option endpoint, only endpoints, discovery, tls, auth, namespace, timeouts, clientName, backoff, limits, syncMembersMs, watch, clock, logger, signal',
    ],
    [
      { endpoints: 'a', timeouts: { calMs: 5 } },
      'there is no option timeouts.calMs, only connectMs, callMs, attemptMs, pingIntervalMs',
    ],
    [
      { endpoints: 'a', tls: { rejectUnauthorized: false } },
      'there is no option tls.rejectUnauthorized, only ca, cert, key, passphrase, servername, insecureSkipVerify',
    ],
    [
      { endpoints: 'a', discovery: { domain: 'b' } },
      'endpoints and discovery were both given; give only one of them',
    ],
    [{ discovery: { domain: '' } }, 'discovery.domain is empty'],
    [
      { endpoints: 'http://a', tls: {} },
      'tls was given, but the endpoint http://a:2379 is not encrypted; use https://',
    ],
    [
      { endpoints: 'a', tls: { ca: '/etc/ca.pem' } },
      "tls.ca is not PEM text; if it is a file's name, read the file first",
    ],
    [
      { endpoints: 'a', tls: { ca: '-----BEGIN CERTIFICATE-----' } },
      'tls.ca, tls.cert or tls.key cannot be used: they are damaged or do not belong together',
    ],
    [
      { endpoints: 'a', tls: { cert: '-----BEGIN CERTIFICATE-----' } },
      'tls.cert and tls.key go together; one is missing',
    ],
    [{ endpoints: 'a', auth: { username: '', password: 'p' } }, 'auth.username is empty'],
    [{ endpoints: 'a', auth: { username: 'u' } }, 'auth.password is empty'],
    [{ endpoints: 'a', timeouts: { callMs: 0 } }, 'timeouts.callMs is 0, not a number from 1 to 2147483647'],
    [
      { endpoints: 'a', timeouts: { connectMs: '5' } },
      'timeouts.connectMs is a text, not a number from 1 to 2147483647',
    ],
    [{ endpoints: 'a', backoff: { jitter: 2 } }, 'backoff.jitter is 2, not a number from 0 to 1'],
    [
      { endpoints: 'a', backoff: { minMs: 100, maxMs: 10 } },
      'backoff.maxMs is 10, not a number from 100 to 2147483647',
    ],
    [{ endpoints: 'a', limits: { txnOps: Number.NaN } }, 'limits.txnOps is NaN, not a number from 1 on'],
  ])('refuses %j', (options, what) => {
    expect(refusal(options)).toBe(what)
  })

  test.each([
    'root:hunter2@a',
    'http://root:hun/ter2@a:1',
    'http://root:hunter2@a:x',
    'http://u:hunter2@b@a/x',
  ])('does not repeat the password in an endpoint such as %j', (endpoints) => {
    expect(refusal({ endpoints })).toContain('…@')
    expect(refusal({ endpoints })).not.toMatch(/hun|ter2/)
  })

  test('never shows a password: not of the URL, not of auth', () => {
    const what = refusal({ endpoints: 'http://root:hunter2@a:1' })
    expect(what).toBe('the endpoint http://…@a:1 holds a user name or password; give them as auth')
    const resolved = resolveOptions({ endpoints: 'a', auth: { username: 'root', password: 'hunter2' } })
    expect(inspect(resolved, { depth: 9 })).not.toContain('hunter2')
    expect(JSON.stringify({ ...resolved, clock: 0, logger: 0 })).not.toContain('hunter2')
    expect(resolved.credentials?.password).toBe('hunter2')
  })
})

describe('CLIENT_OPTIONS', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  const section = /^## Options$.*?(?=^[^|\n])/ms.exec(readme)?.[0] ?? ''
  const all = (table: Readonly<Record<string, OptionKind>>, group = ''): [string, string, OptionKind][] =>
    Object.entries(table).flatMap(([name, kind]) => [
      [group, name, kind] as [string, string, OptionKind],
      ...(kind.type === 'group' ? all(kind.options, name) : []),
    ])

  test.each(all(CLIENT_OPTIONS))('%s %s stands in the README, with its default', (group, name, kind) => {
    const row = section.split('\n').find((line) => line.split('|')[1]?.includes(`\`${group || name}\``)) ?? ''
    expect(row).toContain(`\`${name}\``)
    if (kind.type !== 'number' || typeof kind.otherwise !== 'number') return
    const shown = kind.otherwise.toLocaleString('en')
    const [inMiB, inGiB] = [20, 30].map((power) => (kind.otherwise as number) / 2 ** power)
    expect(row).toMatch(new RegExp(`\`${name}\`[ |]+(?:${shown}|${inMiB} MiB|${inGiB} GiB)(?![\\d.,]*\\d)`))
  })

  test('an unknown name is refused in every group, with those that there are', () => {
    const groups = Object.entries(CLIENT_OPTIONS).filter(([, { type }]) => type === 'group')
    expect(groups.map(([name]) => name)).toContain('watch')
    for (const [group, kind] of groups as [string, Extract<OptionKind, { type: 'group' }>][]) {
      const names = Object.keys(kind.options).join(', ')
      const wrong = refusal({ endpoints: 'https://a', [group]: { colour: 1 } })
      expect(wrong).toBe(`there is no option ${group}.colour, only ${names}`)
    }
  })
})

describe('assertNode', () => {
  test.each(['18.20.4', '20.11.0', '22.0.0', '22.18.9'])('refuses Node %s in words', (version) => {
    expect(() => assertNode(version)).toThrow(
      `[invalid_option] this is Node ${version}; @livetree/etcd needs 22.19 or later. Run it with a newer Node.`,
    )
  })

  test.each(['22.19.0', '22.20.1', '23.0.0', '24.21.0', '100.0.0', '24.0.0-nightly'])(
    'takes Node %s',
    (version) => {
      assertNode(version)
    },
  )
})
