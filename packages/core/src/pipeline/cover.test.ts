import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { secret } from '../schema/secret.ts'
import type { LayerInfo } from '../source/source.ts'
import { acceptedValue, envLayer, issuesOf, staged, storedLayer } from './staged.test.kit.ts'

const schema = z.object({
  features: z.record(z.string(), z.boolean()).default({}),
  services: z.record(z.string(), z.object({ url: z.string(), retries: z.number().default(3) })).default({}),
  limits: z.map(z.string(), z.number()).default(new Map()),
  tags: z.array(z.string()).default(['default']),
  port: z.number().default(80),
  db: z.object({ url: z.string() }).optional(),
  extra: z.record(z.string(), z.string()).optional(),
  open: z.object({ a: z.string().optional() }).catchall(z.string()).default({}),
  either: z.union([z.object({ x: z.number() }), z.string()]).optional(),
})
const nested: LayerInfo = { name: 'file', keyPrefix: 'f#/', separator: '/', naming: 'stored', isNested: true }
const layers = [storedLayer('base'), storedLayer('prod'), nested, envLayer]
const start = () => staged(schema, { layers, guard: false })
const BASE = {
  'features/a': 'true',
  'features/b': 'false',
  'services/mail/url': 'm',
  'services/mail/retries': '5',
  'services/pay/url': 'p',
  'limits/x': '1',
  tags: '["base"]',
  port: '81',
  'db/url': 'd',
  'extra/k': 'v',
  'open/a': '1',
  'open/z': '2',
  'either/x': '1',
}
const DEFAULTS = { features: {}, services: {}, limits: new Map(), tags: ['default'], port: 80, open: {} }

/** Each form of a key in a layer above: of a store, a file, the environment. */
const FORMS: readonly (readonly [string, number, (path: string) => string])[] = [
  ['store', 1, (path) => path],
  ['file', 2, (path) => path],
  ['environment', 3, (path) => path.toUpperCase().replaceAll('/', '__')],
]

describe.each(FORMS)('livetree:remove in a %s', (_name, layer, keyOf) => {
  const remove = (...paths: string[]) => {
    const { patch } = start()
    const before = acceptedValue(patch(0, BASE)) as Record<string, unknown>
    const cover = Object.fromEntries(paths.map((path) => [keyOf(path), 'livetree:remove']))
    const value = acceptedValue(patch(layer, cover))
    const without = Object.fromEntries(paths.map((path) => [keyOf(path), undefined]))
    expect(acceptedValue(patch(layer, without))).toEqual(before)
    return value
  }

  it('takes an entry of a record away, a whole one or a scalar, and no other', () => {
    expect(remove('features/a')).toMatchObject({ features: { b: false } })
    expect(remove('features/a')).not.toHaveProperty('features.a')
    expect(remove('services/mail')).toHaveProperty('services', { pay: { url: 'p', retries: 3 } })
    expect(remove('services/mail/retries')).toHaveProperty('services.mail', { url: 'm', retries: 3 })
    expect(remove('limits/x')).toHaveProperty('limits', new Map())
    expect(remove('open/z')).toHaveProperty('open', { a: '1' })
  })

  it('takes a property away: a default stands in, or nothing', () => {
    expect(remove('port')).toHaveProperty('port', 80)
    expect(remove('tags')).toHaveProperty('tags', ['default'])
    expect(remove('db', 'extra', 'either')).toEqual(expect.not.objectContaining({ db: expect.anything() }))
    expect(remove('features', 'services', 'limits', 'tags', 'port', 'db', 'extra', 'open', 'either')).toEqual(
      DEFAULTS,
    )
  })
})

describe.each(FORMS)('livetree:empty in a %s', (_name, layer, keyOf) => {
  it('empties a record, a map, an object and a list', () => {
    const { patch } = start()
    patch(0, BASE)
    const names = ['features', 'services', 'limits', 'tags', 'extra', 'open']
    const value = acceptedValue(
      patch(layer, Object.fromEntries(names.map((name) => [keyOf(name), 'livetree:empty\n']))),
    )
    expect(value).toMatchObject({ features: {}, services: {}, tags: [], extra: {}, open: {} })
    expect((value as { features: object }).features).toEqual({})
    expect((value as { limits: object }).limits).toEqual(new Map())
  })
})

describe('covers', () => {
  it('a layer that empties a record may have entries of its own, and so may higher ones', () => {
    const { patch } = start()
    patch(0, BASE)
    expect(acceptedValue(patch(1, { features: 'livetree:empty', 'features/c': 'true' }))).toHaveProperty(
      'features',
      { c: true },
    )
    expect(acceptedValue(patch(2, { 'features/d': true }))).toHaveProperty('features', { c: true, d: true })
    expect(acceptedValue(patch(0, { 'features/e': 'true' }))).toHaveProperty('features', { c: true, d: true })
    expect(acceptedValue(patch(1, { features: undefined }))).toHaveProperty('features', {
      a: true,
      b: false,
      c: true,
      d: true,
      e: true,
    })
  })

  it('a higher layer may put back what one below it removed', () => {
    const { patch } = start()
    patch(0, BASE)
    patch(1, { 'services/mail': 'livetree:remove', 'features/a': 'livetree:remove' })
    const value = acceptedValue(patch(3, { SERVICES__MAIL__URL: 'new', FEATURES__A: 'false' }))
    expect(value).toHaveProperty('services.mail', { url: 'new', retries: 3 })
    expect(value).toHaveProperty('features.a', false)
  })

  it('stand in documents and objects too, but not in the items of a list', () => {
    const { patch } = start()
    patch(0, BASE)
    const outcome = patch(1, {
      services: '{"mail":"livetree:remove","x":{"url":"u"}}',
      tags: '["livetree:remove"]',
    })
    expect(outcome).toMatchObject({
      value: { services: { pay: { url: 'p' }, x: { url: 'u' } }, tags: ['livetree:remove'] },
    })
    expect((acceptedValue(outcome) as { services: object }).services).not.toHaveProperty('mail')
    expect(acceptedValue(patch(2, { features: 'livetree:empty' }))).toHaveProperty('features', {})
  })

  it('of a value that must be there make the tree invalid, and the issue names the key', () => {
    const { patch } = start()
    patch(0, BASE)
    const [issue] = issuesOf(patch(1, { 'services/mail/url': 'livetree:remove' }))
    expect(issue).toMatchObject({
      pathText: 'services.mail.url',
      message: expect.stringContaining('This key hides what lower layers have'),
      origins: [{ key: '/prod/services/mail/url' }],
    })
  })

  it('above a value that must be there are named too, and not what they hide', () => {
    const required = z.object({ db: z.object({ url: z.string(), port: z.number() }) })
    const { patch } = staged(required, { layers, guard: false })
    patch(0, { 'db/url': 'u', 'db/port': '1' })
    const issues = issuesOf(patch(1, { db: 'livetree:empty', 'db/port': '2' }))
    expect(issues.map(({ pathText, received, origins }) => [pathText, received, origins[0]?.key])).toEqual([
      ['db.url', undefined, '/prod/db'],
    ])
    expect(issues[0]?.message).toContain('This key hides what lower layers have')
    expect(acceptedValue(patch(3, { DB__URL: 'v' }))).toEqual({ db: { url: 'v', port: 2 } })
  })

  it('where the schema knows nothing are unused keys, and refused by a strict object', () => {
    const outcome = start().patch(1, { 'fetures/a': 'livetree:remove', prot: 'livetree:remove' })
    expect(outcome.unused.map(({ pathText, didYouMean }) => [pathText, didYouMean])).toEqual([
      ['fetures.a', 'features'],
      ['prot', 'port'],
    ])
    const strict = staged(z.strictObject({ a: z.string().optional() }))
    expect(issuesOf(strict.patch(1, { b: 'livetree:remove' }))[0]?.code).toBe('unrecognized_keys')
  })

  it('are shown by explain, above what they hide', () => {
    const { patch, pipeline } = start()
    patch(0, BASE)
    patch(1, { 'features/a': 'livetree:remove' })
    expect(pipeline.explain('features.a').layers.map(({ origin, value }) => [origin.key, value])).toEqual([
      ['/prod/features/a', 'livetree:remove'],
      ['/base/features/a', 'true'],
    ])
  })

  it('are shown by explain below the place that they hide, and the default first where that is in service', () => {
    const { patch, pipeline } = start()
    const shown = (path: string) =>
      pipeline.explain(path).layers.map(({ origin, value }) => [origin.key, value])
    patch(0, BASE)
    patch(1, {
      features: 'livetree:empty',
      'services/mail/retries': 'livetree:remove',
      db: 'livetree:remove',
    })
    patch(1, { tags: 'livetree:remove', open: '{"a": "livetree:remove"}', services: 'livetree:empty' })
    const empty = ['/prod/features', 'livetree:empty']
    expect(shown('features.a')).toEqual([empty, ['/base/features/a', 'true']])
    expect(pipeline.explain('features').layers[0]).toMatchObject({ value: 'livetree:empty' })
    expect(shown('features.none')).toEqual([])
    expect(shown('db.url')).toEqual([
      ['/prod/db', 'livetree:remove'],
      ['/base/db/url', 'd'],
    ])
    expect(shown('tags')).toEqual([
      ['tags', ['default']],
      ['/prod/tags', 'livetree:remove'],
      ['/base/tags', '["base"]'],
    ])
    expect(shown('open.a')).toEqual([
      ['/prod/open', 'livetree:remove'],
      ['/base/open/a', '1'],
    ])
    patch(2, { 'features/a': false, services: { mail: { url: 'n' } } })
    expect(shown('features.a')).toEqual([['f#/features/a', false], empty, ['/base/features/a', 'true']])
    expect(shown('services.mail.retries')).toEqual([
      ['services.mail.retries', 3],
      ['/prod/services/mail/retries', 'livetree:remove'],
      ['/prod/services', 'livetree:empty'],
      ['/base/services/mail/retries', '5'],
    ])
  })

  it('are no secrets, and a default that is not in service is not shown', () => {
    const hidden = z.object({
      pw: secret(z.string()).optional(),
      login: secret(z.record(z.string(), z.string())),
      key: secret(z.string()),
    })
    const { patch, pipeline } = staged(hidden, { layers, guard: false })
    const shown = (path: string) =>
      pipeline.explain(path).layers.map(({ origin, value }) => [origin.key, value])
    patch(0, { key: 'hunter2', pw: 'hunter2', 'login/token': 'hunter2' })
    patch(1, { pw: 'livetree:remove', login: 'livetree:empty' })
    const below = [
      ['/prod/login', 'livetree:empty'],
      ['/base/login/token', '[secret]'],
    ]
    expect(shown('pw')).toEqual([
      ['/prod/pw', 'livetree:remove'],
      ['/base/pw', '[secret]'],
    ])
    expect(shown('login.token')).toEqual(below)
    expect(pipeline.explain([]).layers[0]?.value).toEqual({ login: 'livetree:empty', pw: 'livetree:remove' })
    // a rejected tree gives nothing that is in service
    expect(issuesOf(patch(1, { key: 'livetree:remove' }))).toMatchObject([
      { pathText: 'key', received: undefined },
    ])
    expect(pipeline.explain('key').value).toBe('[secret]')
    expect(shown('key')).toEqual([
      ['/prod/key', 'livetree:remove'],
      ['/base/key', '[secret]'],
    ])
  })

  it('keep the identity of what they do not touch, and cost nothing where there are none', () => {
    const { patch } = start()
    const first = acceptedValue(patch(0, BASE)) as { services: Record<string, object> }
    const second = acceptedValue(patch(1, { 'services/mail': 'livetree:remove' })) as typeof first
    expect(second.services['pay']).toBe(first.services['pay'])
    expect(patch(1, { 'services/none': 'livetree:remove' }).type).toBe('unchanged')
  })
})
