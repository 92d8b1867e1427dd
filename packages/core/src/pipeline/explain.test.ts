import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { secret } from '../schema/secret.ts'
import { Unreadable } from '../source/source.ts'
import { envLayer, staged, storedLayer } from './staged.test.kit.ts'

const schema = z.object({
  httpServer: z.object({ timeoutMs: z.number().default(1), 'max-size': z.number().optional() }).prefault({}),
  hostNames: z.record(z.string(), z.object({ portNumber: z.number() })),
  tags: z.array(z.string()).default([]),
  items: z.array(z.object({ a: z.string() })).default([]),
  byId: z.map(z.number(), z.string()).optional(),
  password: secret(z.string()).optional(),
  login: z.object({ token: secret(z.string()), user: z.string() }).optional(),
})

const memory = { name: 'memory', keyPrefix: '', separator: '/', naming: 'exact' } as const

describe('explainPath: what each layer has, the highest first', () => {
  test('with its key, its revision and its value as it was written', () => {
    const { pipeline, patch } = staged(schema, {
      layers: [storedLayer('file'), storedLayer('base'), envLayer],
    })
    patch(0, { httpServer: '{"timeoutMs": 5}' })
    patch(1, { 'httpServer/timeoutMs': '6' })
    patch(2, { HTTP_SERVER__TIMEOUT_MS: '7' })
    expect(pipeline.explain('httpServer.timeoutMs')).toEqual({
      path: ['httpServer', 'timeoutMs'],
      value: 7,
      layers: [
        {
          origin: { source: 'env', layer: 'env', key: 'APP_HTTP_SERVER__TIMEOUT_MS', revision: 3 },
          value: '7',
        },
        {
          origin: { source: 'base', layer: 'base', key: '/base/httpServer/timeoutMs', revision: 2 },
          value: '6',
        },
        { origin: { source: 'file', layer: 'file', key: '/file/httpServer', revision: 1 }, value: 5 },
      ],
    })
    expect(pipeline.explain('httpServer').layers).toMatchObject([
      { origin: { source: 'env', key: 'APP_HTTP_SERVER' }, value: { timeoutMs: '7' } },
      { origin: { source: 'base', key: '/base/httpServer', revision: 2 }, value: { timeoutMs: '6' } },
      { origin: { key: '/file/httpServer' }, value: '{"timeoutMs": 5}' },
    ])
  })

  test('of a list and an object of single keys, of a default, and of what the schema does not know', () => {
    const { pipeline, patch } = staged(schema, { layers: [storedLayer('base'), storedLayer('prod')] })
    patch(0, {
      'tags/0': 'a',
      'tags/1': 'b',
      'httpServer/timoutMs': '5',
      'login/token': 'hunter2',
      'login/user': 'u',
    })
    patch(1, { 'tags/0': 'c', 'hostNames/x/portNumber': '1' })
    const layers = (path: string) =>
      pipeline
        .explain(path)
        .layers.map(({ origin, value }) => [origin.layer, origin.key, origin.revision, value])
    expect(layers('tags')).toEqual([
      ['prod', '/prod/tags', 2, { 0: 'c' }],
      ['base', '/base/tags', 1, { 0: 'a', 1: 'b' }],
    ])
    expect(layers('hostNames')).toEqual([['prod', '/prod/hostNames', 2, { 'x/portNumber': '1' }]])
    expect(layers('login')).toEqual([['base', '/base/login', 1, { token: '[secret]', user: 'u' }]])
    expect(layers('httpServer.timeoutMs')).toEqual([['schema', 'httpServer.timeoutMs', 0, 1]])
    expect(layers('items')).toEqual([['schema', 'items', 0, []]])
    // it may be a secret that was misspelt
    expect(layers('httpServer.timoutMs')).toEqual([['base', '/base/httpServer/timoutMs', 1, '[secret]']])
    expect(layers('nothing.like.it')).toEqual([])
    expect(JSON.stringify(pipeline.explain([]))).not.toContain('hunter2')
  })

  test.each<[string, string, string, string, string]>([
    [
      'exact',
      'httpServer/timeoutMs',
      'httpServer/max-size',
      'hostNames/a.B/portNumber',
      'APP_HOST_NAMES__A.B__PORT_NUMBER',
    ],
    [
      'kebab-case',
      'http-server/timeout-ms',
      'http-server/max-size',
      'host-names/a.B/port-number',
      'APP_HOST_NAMES__A.B__PORT_NUMBER',
    ],
    [
      'snake_case',
      'http_server/timeout_ms',
      'http_server/max_size',
      'host_names/a.B/port_number',
      'APP_HOST_NAMES__A.B__PORT_NUMBER',
    ],
  ])('naming %s: keys are written as the layer writes them', (naming, timeout, max, port, variable) => {
    const options = { naming: naming as 'exact', layers: [storedLayer('base'), memory, envLayer] }
    const { pipeline, patch } = staged(schema, options)
    patch(0, { [timeout]: '5', [max]: '6', [port]: '7' })
    patch(1, { 'httpServer/timeoutMs': 8, 'hostNames/a.B/portNumber': 9 })
    patch(2, { 'HOST_NAMES__A.B__PORT_NUMBER': '10' })
    const keys = (path: string) => pipeline.explain(path).layers.map(({ origin }) => origin.key)
    expect(pipeline.explain([]).value).toMatchObject({ httpServer: { timeoutMs: 8, 'max-size': 6 } })
    expect(keys('httpServer.timeoutMs')).toEqual(['httpServer/timeoutMs', `/base/${timeout}`])
    expect(keys('httpServer.max-size')).toEqual([`/base/${max}`])
    // a variable's name says nothing of the case of a record's key: it is the one that another layer has
    const lower = ['hostNames/a.B/portNumber', `/base/${port}`]
    expect(keys('hostNames."a.B".portNumber')).toEqual([variable, ...lower])
    patch(0, { [port]: undefined })
    patch(1, { 'hostNames/a.B/portNumber': undefined })
    expect(keys('hostNames."a.B".portNumber')).toEqual([])
    expect(keys('hostNames."a.b".portNumber')).toEqual([variable])
  })

  test('keys that the schema lists are found by their variables, whatever their case', () => {
    const listed = z.object({
      limits: z.record(z.enum(['GET', 'POST', 'eu-1', 'newUi']), z.number()),
      byCode: z.map(z.literal([404, 'ok']), z.string()),
    })
    const { pipeline, patch } = staged(listed, { layers: [envLayer] })
    const tree = {
      LIMITS__GET: '1',
      LIMITS__POST: '2',
      LIMITS__EU_1: '3',
      LIMITS__NEW_UI: '4',
      BY_CODE__404: 'a',
      BY_CODE__OK: 'b',
    }
    expect(patch(0, tree)).toMatchObject({
      value: {
        limits: { GET: 1, POST: 2, 'eu-1': 3, newUi: 4 },
        byCode: new Map<unknown, string>([
          [404, 'a'],
          ['ok', 'b'],
        ]),
      },
      unused: [],
    })
    expect(pipeline.explain(['limits', 'eu-1']).layers[0]?.origin.key).toBe('APP_LIMITS__EU_1')
    expect(
      pipeline
        .leaves(0, { withSecrets: true })[0]!
        .map(({ path }) => path)
        .sort(),
    ).toEqual(Object.keys(tree).sort())
    expect(patch(0, { LIMITS__GET: undefined })).toMatchObject({
      issues: [{ message: expect.stringMatching('Set APP_LIMITS__GET') }],
    })
  })

  test('segments of records are written encoded', () => {
    const { pipeline, patch } = staged(schema)
    patch(0, { 'hostNames/a%2Fb%25/portNumber': '1' })
    expect(pipeline.explain(['hostNames', 'a/b%', 'portNumber'])).toMatchObject({
      value: 1,
      layers: [{ origin: { key: '/base/hostNames/a%2Fb%25/portNumber' } }],
    })
  })

  test('what came inside one value is explained by that value', () => {
    const { pipeline, patch } = staged(schema)
    patch(0, { tags: '["a", "b"]', items: '[{"a": "x"}]' })
    patch(1, { 'items/one/a': 'y', 'items/two/a': 'z', 'byId/5': 'five' })
    expect(pipeline.explain('tags.1')).toMatchObject({
      value: 'b',
      layers: [{ origin: { key: '/base/tags' }, value: '["a", "b"]' }],
    })
    expect(pipeline.explain('items.1.a')).toMatchObject({
      value: 'z',
      layers: [{ origin: { key: '/prod/items/two/a' } }],
    })
    expect(pipeline.explain(['items', 0])).toMatchObject({
      value: { a: 'y' },
      layers: [{ origin: { key: '/prod/items/one' }, value: { a: 'y' } }],
    })
    expect(pipeline.explain('byId.5')).toMatchObject({
      value: 'five',
      layers: [{ origin: { key: '/prod/byId/5' } }],
    })
  })

  test('the root, what is absent, what is default, and what nobody knows', () => {
    const { pipeline, patch } = staged(schema, { layers: [storedLayer('base')] })
    patch(0, { '': '{"tags": ["a"]}' })
    expect(pipeline.explain('')).toMatchObject({ path: [], layers: [{ origin: { key: '/base' } }] })
    expect(pipeline.explain('httpServer.timeoutMs')).toEqual({
      path: ['httpServer', 'timeoutMs'],
      value: 1,
      layers: [
        { origin: { source: 'schema', layer: 'schema', key: 'httpServer.timeoutMs', revision: 0 }, value: 1 },
      ],
    })
    expect(pipeline.explain('httpServer.max-size')).toMatchObject({ value: undefined, layers: [] })
    expect(pipeline.explain('constructor.name')).toMatchObject({ value: undefined, layers: [] })
    expect(pipeline.explain('tags.length.x')).toMatchObject({ value: undefined })
  })

  test('secrets: the value and every layer, also of the documents they are in', () => {
    const { pipeline, patch } = staged(schema)
    patch(0, { password: 'a', login: '{"token": "a", "user": "u"}' })
    patch(1, { 'login/token': 'b' })
    expect(pipeline.explain('password')).toMatchObject({ value: '[secret]', layers: [{ value: '[secret]' }] })
    expect(pipeline.explain('login')).toMatchObject({
      value: { token: '[secret]', user: 'u' },
      layers: [{ value: { token: '[secret]' } }, { value: '[secret]' }],
    })
    expect(pipeline.explain('login.token')).toMatchObject({
      value: '[secret]',
      layers: [{ value: '[secret]' }, { value: '[secret]' }],
    })
    expect(pipeline.explain('login.user')).toMatchObject({ value: 'u', layers: [{ value: 'u' }] })
    // it may be a secret that is spelled wrong
    patch(0, { pasword: 'a' })
    expect(pipeline.explain('pasword').layers).toMatchObject([{ value: '[secret]' }])
  })

  test('the value is the last accepted one, the layers are those that are staged', () => {
    const { pipeline, patch } = staged(schema)
    patch(0, { 'httpServer/timeoutMs': '5' })
    expect(patch(0, { 'httpServer/timeoutMs': 'x' }).type).toBe('rejected')
    expect(pipeline.explain('httpServer.timeoutMs')).toMatchObject({ value: 5, layers: [{ value: 'x' }] })
    const bad = new Unreadable('not UTF-8')
    patch(0, { 'httpServer/timeoutMs': bad })
    expect(pipeline.explain('httpServer.timeoutMs').layers[0]?.value).toBe(bad)
  })
})

describe('explainPath: an instance that a transform made, and that throws when it is read', () => {
  const boom = (): never => {
    throw new Error('boom')
  }
  class Part {
    readonly x = 1
  }
  class Entries extends Map<string, number> {
    override [Symbol.iterator] = boom
  }

  test.each<[string, () => object]>([
    ['a getter of its own', () => Object.defineProperty(new Part(), 'x', { get: boom })],
    ['a Proxy', () => new Proxy(new Part(), { get: boom, has: boom, getOwnPropertyDescriptor: boom })],
    ['a Map of its own', () => new Entries([['x', 1]])],
    ['a Map with a key without text', () => new Map<unknown, unknown>([[{ toString: boom }, 1]])],
    ['a Map with a key whose text is none', () => new Map<unknown, unknown>([[{ toString: () => ({}) }, 1]])],
  ])('%s: nothing is there, and the layers are named all the same', (_, make) => {
    const { pipeline, patch } = staged(
      z.object({ a: z.string().transform(make), b: z.array(z.any()).optional() }),
    )
    patch(0, { a: 'v' })
    for (const path of ['a.x', 'a.x.y']) {
      const { value, layers } = pipeline.explain(path)
      expect(value).toBeUndefined()
      expect(layers.map(({ origin }) => origin.key)).toEqual(['/base/a'])
    }
  })
})
