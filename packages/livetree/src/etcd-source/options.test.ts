import { defineConfig } from '@livetree/core'
import { silentLogger } from '@livetree/core/source'
import { createEtcdClient } from '@livetree/etcd'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { storeOf } from '../operate/store-of.ts'
import { etcd } from './etcd.ts'
import type { EtcdSourceOptions } from './options.ts'

const endpoints = 'http://127.0.0.1:1'
const of = (options: object) => etcd({ endpoints, ...options } as EtcdSourceOptions)

test.each([0, 30, 499])(
  'load() is refused a staleAfterMs of %s, which etcd cannot keep',
  async (staleAfterMs) => {
    const definition = defineConfig({ name: 'hasty', schema: z.object({}) })
    const sources = [of({ root: '/c', name: 'store' })]
    await expect(definition.load({ sources, staleAfterMs })).rejects.toThrow(
      `[invalid_options] load() got staleAfterMs = ${staleAfterMs}, and the source store proves its freshness over the network; expected at least 500 ms, or Infinity`,
    )
  },
)

describe('etcd({ root, overlays })', () => {
  test('each overlay is a layer of its directory, and the removal key is that of the root', () => {
    const { layers, removalCommand } = of({ root: '/c', overlays: ['base', 'zones/eu'] })
    expect(layers.map(({ name, keyPrefix, at, unused }) => [name, keyPrefix, at, unused])).toEqual([
      ['etcd:/c/base', '/c/base/', undefined, 'warn'],
      ['etcd:/c/zones/eu', '/c/zones/eu/', undefined, 'warn'],
    ])
    expect(removalCommand).toBe('etcdctl put /c/.livetree/allow-removal yes')
  })

  test.each<[string, string | Uint8Array, string, string]>([
    ['text', '/ns', '/ns', 'etcdctl put /ns/c/.livetree/allow-removal yes'],
    ['text with a quote', "it's", "it's", "etcdctl put 'it'\\''s/c/.livetree/allow-removal' yes"],
    ['bytes', Buffer.from('/ns'), '/ns', 'etcdctl put /ns/c/.livetree/allow-removal yes'],
    ['no text', Buffer.of(0x27, 0xff), "'%\udcff", "etcdctl put $'\\'\\xFF/c/.livetree/allow-removal' yes"],
  ])('a namespace of the client is in the command, and in no key: %s', (_what, namespace, text, command) => {
    const layersOf = (source: ReturnType<typeof of>) =>
      source.layers.map((each) => [each.namespace, each.keyPrefix, each.documentKey, each.removalCommand])
    const own = of({ root: '/c', namespace })
    expect(own.removalCommand).toBe(command)
    expect(layersOf(own)).toEqual([[text, '/c/', '/c/', command]])
    const client = createEtcdClient({ endpoints, namespace })
    expect(layersOf(etcd({ client, root: '/c' }))).toEqual(layersOf(own))
    const layers = [{ prefix: '/c' }]
    expect(layersOf(storeOf(etcd({ client, root: '/x' }))!.sourceWith({ endpoints }, { layers }))).toEqual(
      layersOf(own),
    )
    return client.close()
  })

  test('a whole layer has its document at a key that is read: of an overlay at its name, else with the slash', () => {
    const keys = (options: object) => of(options).layers.map(({ documentKey }) => documentKey)
    expect(keys({ root: '/c', overlays: ['base', 'zones/eu'] })).toEqual(['/c/base', '/c/zones/eu'])
    expect(keys({ root: '/c' })).toEqual(['/c/'])
    expect(keys({ layers: [{ prefix: '/c' }, { prefix: '/d', at: ['a', 'b'] }] })).toEqual([
      '/c/',
      '/d/',
      '/d/',
    ])
  })

  test.each([
    [
      { root: '/c', overlays: [''] },
      /overlays\[0\] = "" names no directory; expected the name of a directory below/,
    ],
    [{ root: '/c', overlays: ['/'] }, /overlays\[0\] = "\/" names no directory/],
    [{ root: '/c', overlays: ['../x'] }, /"\.\.\/x", which has \.\. in it, .*; expected .* use layers/],
    [{ root: '/c', overlays: ['a', 'b/./c'] }, /overlays\[1\] = "b\/\.\/c", which has \. in it/],
    [{ root: '/c', overlays: ['a//b'] }, /"a\/\/b", which has two slashes in a row/],
    [
      { root: '/c', overlays: ['base', 'base'] },
      /overlays\[1\] and overlays\[0\] are both base; expected each directory once/,
    ],
    [
      { root: '/c', overlays: ['base', 'base/eu'] },
      /overlays\[1\] \(base\/eu\) is inside overlays\[0\] \(base\)/,
    ],
    [
      { root: '/c', overlays: ['zones/eu', 'zones'] },
      /overlays\[0\] \(zones\/eu\) is inside overlays\[1\] \(zones\)/,
    ],
    [{ root: '/c', overlays: ['.livetree'] }, /holds livetree's own keys/],
    [{ root: '/c', overlays: ['.livetree/x'] }, /holds livetree's own keys/],
    [{ root: '/c/.livetree/x' }, /root = .* holds livetree's own keys/],
    [{ root: '/c', overlays: ['base', 'base2/.livetree'] }, /overlays\[1\] = .* holds livetree's own keys/],
    [{ root: '/c', overlays: ['\udc00'] }, /overlays\[0\] = .* has half of a surrogate pair/],
    [{ root: '/c//d' }, /root = "\/c\/\/d", which has two slashes in a row/],
    [{ root: '/c/../d' }, /root = .* has \.\. in it/],
    [{ root: '///' }, /got root = "\/\/\/"; expected a directory/],
    [{}, /needs a root, such as "\/config\/checkout", or layers/],
  ])('%j is refused', (options, message) => {
    expect(() => of(options)).toThrow(message)
    expect(() => of(options)).toThrow(expect.objectContaining({ code: 'invalid_options' }))
  })

  test('names that only look like each other are beside each other', () => {
    expect(of({ root: '/c', overlays: ['base', 'base2', 'bas', 'x/base'] }).layers).toHaveLength(4)
  })
})

/** What a template literal with a variable that is missing or odd makes, and what is said of it. */
const FAILED: readonly (readonly [string, RegExp])[] = [
  [
    'zones/',
    /"[^"]*zones\/", which ends in a slash, as it does where a variable .* is empty; expected the directory/,
  ],
  ['zones//', /two slashes in a row/],
  [
    'zones/undefined',
    /has undefined in it, which is what a missing value becomes in a text; expected .* variable is set/,
  ],
  ['zone-undefined/a', /has undefined in it/],
  ['zones/null', /has null in it/],
  ['null/zones', /has null in it/],
  ['zones/NaN', /has NaN in it/],
  ['zones/[object Object]', /has \[object Object\] in it/],
  ['zones/eu\n', /has a control character in it, such as the end of a line; expected names without/],
  ['zo\tnes', /control character/],
  ['zones/ eu', /has a name that begins or ends with a blank; expected the name without it/],
  ['zones /eu', /begins or ends with a blank/],
  ['zones/eu\u00a0', /begins or ends with a blank/],
]

describe('a directory that cannot be meant is refused, wherever it is given', () => {
  test.each(FAILED)('%j', (name, message) => {
    for (const options of [
      { root: `/c/${name}` },
      { root: '/c', overlays: ['base', name] },
      { layers: [{ prefix: `/c/${name}`, unused: 'ignore', optional: true }] },
    ]) {
      expect(() => of(options)).toThrow(message)
      expect(() => of(options)).toThrow(expect.objectContaining({ code: 'invalid_options' }))
    }
  })

  test('an overlay is a name: one without its first part is refused too', () => {
    expect(() => of({ root: '/c', overlays: ['/eu'] })).toThrow(
      /overlays\[0\] = "\/eu", which begins with a slash, as it does where a variable .*; expected/,
    )
    expect(() => of({ layers: [{ prefix: ' /c' }] })).toThrow(/begins or ends with a blank/)
  })

  test('names that hold such a word, or a blank, are names', () => {
    const names = ['dev-null', 'nullable', 'undefinedness', 'NaNcy', 'my zone', 'größe', '[object]', '%20']
    expect(of({ root: '/c', overlays: names }).layers).toHaveLength(names.length)
    expect(of({ layers: names.map((name) => ({ prefix: `/c/${name}` })) }).layers).toHaveLength(names.length)
    expect(of({ root: 'no/slash/before' }).layers).toHaveLength(1)
  })
})

describe('etcd({ layers })', () => {
  test('each is a layer of its directory, with its own removal key, and what it is', () => {
    const { layers, removalCommand } = of({
      layers: [
        { prefix: '/c/shared/redis', at: 'redis' },
        { prefix: '/c/shared/telemetry', at: ['telemetry', 'cache.telemetry'], unused: 'warn' },
        { prefix: '/c/app', optional: true },
      ],
    })
    expect(layers.map(({ name, at, unused, mayBeMissing }) => [name, at, unused, mayBeMissing])).toEqual([
      ['etcd:/c/shared/redis', 'redis', 'ignore', false],
      ['etcd:/c/shared/telemetry at telemetry', 'telemetry', 'warn', false],
      ['etcd:/c/shared/telemetry at cache.telemetry', 'cache.telemetry', 'warn', false],
      ['etcd:/c/app', undefined, 'warn', true],
    ])
    expect(layers.map((layer) => layer.removalCommand)).toEqual([
      'etcdctl put /c/shared/redis/.livetree/allow-removal yes',
      'etcdctl put /c/shared/telemetry/.livetree/allow-removal yes',
      'etcdctl put /c/shared/telemetry/.livetree/allow-removal yes',
      'etcdctl put /c/app/.livetree/allow-removal yes',
    ])
    expect(removalCommand).toBeUndefined()
  })

  test.each([
    [[], /layers = an empty list; expected a list of layers/],
    ['/c', /layers = a text; expected a list of layers/],
    [[null], /in layers\[0\] got null; expected an object/],
    [[{}], /layers\[0\] has no prefix; expected a directory/],
    [[{ prefx: '/c' }], /in layers\[0\] has no option "prefx"\. Did you mean "prefix"\?/],
    [[{ prefix: '' }], /prefix = an empty text; expected a directory/],
    [[{ prefix: '/' }], /prefix = "\/"; expected a directory/],
    [[{ prefix: 7 }], /prefix = 7; expected a directory/],
    [[{ prefix: '/c/../x' }], /layers\[0\]\.prefix = .* has \.\. in it/],
    [[{ prefix: '/c/.livetree' }], /layers\[0\]\.prefix = .* holds livetree's own keys/],
    [[{ prefix: '/.livetree/history/c' }], /holds livetree's own keys/],
    [[{ prefix: '/c/\ud800' }], /layers\[0\]\.prefix = "\/c\/\\ud800", which has half of a surrogate pair/],
    [[{ prefix: '/c//x' }], /two slashes in a row/],
    [[{ prefix: '/c', at: '' }], /at = an empty text; expected a path of the schema/],
    [[{ prefix: '/c', at: [] }], /at = an empty list; expected a path/],
    [[{ prefix: '/c', at: ['a', 1] }], /at = a list; expected a path/],
    [[{ prefix: '/c', unused: 'reject' }], /unused = "reject"; expected one of 'warn', 'ignore'/],
    [[{ prefix: '/c', optional: 'yes' }], /optional = a text; expected true or false/],
    [
      [{ prefix: '/c' }, { prefix: '/c' }],
      /layers\[1\] and layers\[0\] are both \/c; expected each directory once/,
    ],
    [
      [
        { prefix: '/c', at: 'a' },
        { prefix: '/c', at: 'b' },
      ],
      /are both \/c; expected one layer with both places, such as at: \['redis', 'cache\.redis'\]/,
    ],
    [[{ prefix: '/c' }, { prefix: '/c/eu' }], /layers\[1\] \(\/c\/eu\) is inside layers\[0\] \(\/c\)/],
    [
      [
        { prefix: '/c/eu', at: 'a' },
        { prefix: '/c', at: ['b', 'a'] },
      ],
      /\(\/c\/eu\) is inside/,
    ],
  ])('%j is refused', (layers, message) => {
    expect(() => of({ layers })).toThrow(message)
    expect(() => of({ layers })).toThrow(expect.objectContaining({ code: 'invalid_options' }))
  })

  test('places are compared as paths, however they are written', () => {
    const twice = [
      { prefix: '/c', at: 'a.b' },
      { prefix: '/c/x', at: ['z', '"a".b'] },
    ]
    expect(() => of({ layers: twice })).toThrow(/\(\/c\/x\) is inside layers\[0\]/)
    const { layers } = of({ layers: [{ prefix: '/c', at: ['a', '"a"', 'b'] }] })
    expect(layers.map(({ at }) => at)).toEqual(['a', 'b'])
  })

  test('a part of a directory may be taken to another place as well', () => {
    const layers = [
      { prefix: '/c/shared', at: 'shared' },
      { prefix: '/c/shared/redis', at: 'cache.redis' },
    ]
    expect(of({ layers }).layers).toHaveLength(2)
  })

  test.each([
    [{ root: '/c', layers: [{ prefix: '/c' }] }, /got both layers and root/],
    [{ overlays: ['a'], layers: [{ prefix: '/c' }] }, /got both layers and overlays/],
  ])('%j is refused', (options, message) => {
    expect(() => of(options)).toThrow(message)
  })
})

describe('what etcd() takes of the options of a client', () => {
  const client = createEtcdClient({ endpoints })

  test.each<[object, RegExp]>([
    [{ endpoints, clock: systemClock() }, /takes no clock: its client has that of the configuration/],
    [{ endpoints, logger: silentLogger }, /takes no logger: .* Give it to load\(\)/],
    [{ endpoints, signal: new AbortController().signal }, /takes no signal/],
    [{ client, signal: new AbortController().signal }, /both a client and signal: give signal to createEtcd/],
    [{ client, ownClient: true }, /both a client and ownClient: give one of them/],
    [{ client, ownClient: false }, /both a client and ownClient/],
    [Object.create({ client, endpoints }) as object, /both a client and endpoints/],
    [Object.create({ endpoints, signal: new AbortController().signal }) as object, /takes no signal/],
    [{ endpoints: 'http://127.0.0.1:1/path' }, /has more than a host and a port/],
    [{ enpoints: endpoints }, /there is no option enpoints/],
  ])('%# is refused', (options, message) => {
    expect(() => etcd(withRoot(options))).toThrow(message)
  })

  test('what is undefined is not given', () => {
    const [clock, logger, signal] = [undefined, undefined, undefined]
    expect(() => etcd(withRoot({ endpoints, clock, logger, signal }))).not.toThrow()
    expect(() => etcd(withRoot({ client, ownClient: undefined }))).not.toThrow()
  })

  test('options that a prototype or a getter gives, or that are not enumerable, are options', () => {
    const own = class {
      get endpoints() {
        return endpoints
      }
    }
    const hidden = Object.defineProperty({ endpoints }, 'auth', { value: { username: 'u', password: 'p' } })
    expect(etcd(withRoot(new own())).address).toBe(endpoints)
    expect(etcd(withRoot(Object.create({ endpoints }) as object)).address).toBe(endpoints)
    expect(storeOf(etcd(withRoot(hidden)))?.clientOptions.auth).toEqual({ username: 'u', password: 'p' })
  })
})

function withRoot(options: object): EtcdSourceOptions {
  return Object.defineProperty(options, 'root', { value: '/c', configurable: true }) as EtcdSourceOptions
}

function systemClock() {
  return { now: () => Date.now(), setTimeout, clearTimeout }
}
