import { describe, expect, it, test } from 'vitest'
import * as z from 'zod'
import * as mini from 'zod/mini'
import { acceptedValue, issuesOf, staged } from '../pipeline/staged.test.kit.ts'
import { toJsonSchema, writeValue } from '../tools/index.ts'
import { defineConfig } from '../define-config.ts'
import { hostPort } from './host-port.ts'
import { secret } from './secret.ts'
import { bytes, duration, port } from './units.ts'

const read = (schema: z.ZodType, value: unknown) =>
  (acceptedValue(staged(z.object({ x: schema })).patch(0, { x: value })) as { x: unknown }).x
const issue = (schema: z.ZodType, value: unknown) =>
  issuesOf(staged(z.object({ x: schema })).patch(0, { x: value }))[0]?.message

describe('duration', () => {
  it.each<[unknown, number]>([
    ['30s', 30_000],
    ['5m', 300_000],
    ['250ms', 250],
    ['1h30m', 5_400_000],
    ['1h 30m 5s', 5_405_000],
    ['1.5d', 129_600_000],
    ['2w', 1_209_600_000],
    ['1.001s', 1_001],
    ['30 s', 30_000],
    ['10S', 10_000],
    [' 5m\n', 300_000],
    ['PT5M', 300_000],
    ['P1DT12H', 129_600_000],
    ['PT0.5S', 500],
    ['P2W', 1_209_600_000],
    ['1500', 1_500],
    ['0', 0],
    [1500, 1_500],
    ['0.0001s', 0.1],
    ['9007199254740991ms', Number.MAX_SAFE_INTEGER],
    ['9007199254740992ms', 2 ** 53],
  ])('%j', (text, ms) => {
    expect(read(duration(), text)).toBe(ms)
  })

  it.each([
    '',
    ' ',
    's',
    '5 minutes',
    '5m1h',
    '5m5m',
    'P',
    'PT',
    'P1M',
    'P1Y',
    'PT5',
    '1e',
    '5µs',
    '٣s',
    '9007199254740993ms',
    '9007199254740993',
    '9007199254740.993s',
    'PT9007199254740.993S',
    '104249991374w7d36027s993ms',
    '1.00000000000000001s',
    '1000.00000000000000001',
    '1\u017f',
    '-0',
    -0,
    true,
    `${'1'.repeat(65)}s`,
    [5],
  ])('%j is refused with the forms that are taken', (text) => {
    expect(issue(duration(), text)).toMatch(/^Expected a duration: 30s, 5m, 1h30m, 250ms, an ISO 8601/)
  })

  it('is a ZodNumber: bounds, defaults, optional, secret and zod mini keep the form', () => {
    expect(read(duration().max(60_000).default(5_000), undefined)).toBe(5_000)
    expect(read(duration().min(1_000).max(60_000), '1m')).toBe(60_000)
    expect(issue(duration().max(60_000), '2m')).toContain('60000')
    for (const text of ['5M', '1h5M', '5 M', '1.5M'])
      expect(issue(duration(), text)).toMatch(/^Expected a duration/)
    expect(issue(duration(), '-5s')).toMatch(/^Expected a duration/)
    expect(issue(duration(), '-5')).toContain('>=0')
    expect(read(mini.optional(duration()) as unknown as z.ZodType, '1s')).toBe(1_000)
    expect(read(secret(duration()), '1s')).toBe(1_000)
    expect(read(z.array(duration()), '["1s", 5]')).toEqual([1_000, 5])
    expect(read(z.union([duration(), z.literal('off')]), 'off')).toBe('off')
    expect(read(z.union([duration(), z.literal('off')]), '5s')).toBe(5_000)
  })
})

describe('bytes', () => {
  it.each<[unknown, number]>([
    ['10MiB', 10 * 2 ** 20],
    ['64KiB', 65_536],
    ['64Ki', 65_536],
    ['1.5GiB', 1.5 * 2 ** 30],
    ['10MB', 10_000_000],
    ['64kB', 64_000],
    ['2 TB', 2e12],
    ['512B', 512],
    ['512', 512],
    [512, 512],
    ['1mib', 2 ** 20],
  ])('%j', (text, count) => {
    expect(read(bytes(), text)).toBe(count)
  })

  it.each([
    '',
    'MiB',
    '10M',
    '10iB',
    '10 EiB',
    '1.5.5MB',
    'ten',
    '-0',
    '9007199254740993B',
    '9007199254740993',
    '8796093022208.0001KiB',
  ])('%j is refused', (text) => {
    expect(issue(bytes(), text)).toBe('Expected a size: 10MiB, 64KiB (by 1,024), 10MB (by 1,000), or bytes')
  })

  it.each(['0.3B', '1.0000000001KiB', '1.0001kB', '1024.00000000000000001', '-5', '9999999PB'])(
    '%j is no number of bytes',
    (text) => {
      expect(issue(bytes(), text)).toBeDefined()
    },
  )
})

test('port', () => {
  expect(read(port(), '8080')).toBe(8_080)
  expect(read(port().default(80), undefined)).toBe(80)
  for (const text of ['0', '65536', '-1', '80.5']) expect(issue(port(), text)).toBeDefined()
  expect(issue(port(), 'http')).toBe('Expected a port: a whole number from 1 to 65535')
})

describe('hostPort', () => {
  it.each<[string, object]>([
    ['db.internal:5432', { host: 'db.internal', port: 5432 }],
    ['a-b.c_d:080', { host: 'a-b.c_d', port: 80 }],
    ['255.0.0.10:1', { host: '255.0.0.10', port: 1 }],
    ['[::ffff:1.2.3.4]:80', { host: '::ffff:1.2.3.4', port: 80 }],
    ['1a:1', { host: '1a', port: 1 }],
    ['localhost:1', { host: 'localhost', port: 1 }],
    ['10.0.0.1:80', { host: '10.0.0.1', port: 80 }],
    ['[::1]:80', { host: '::1', port: 80 }],
    ['my_db-1.svc.cluster.local.:65535', { host: 'my_db-1.svc.cluster.local.', port: 65_535 }],
  ])('%s', (text, value) => {
    expect(read(hostPort(), `${text}\n`)).toEqual(value)
  })

  it.each([
    '',
    'db',
    ':80',
    'db:',
    'db:0',
    'db:65536',
    'db:x',
    'http://db:80',
    'db:80/x',
    'u@db:80',
    '::1:80',
    '[::1]',
    '[x]:80',
    'a b:80',
    '-:80',
    'h..x:80',
    'h..:80',
    '.:80',
    '-h:80',
    'h-:80',
    'a.-b.c:80',
    'a-.b:80',
    '256.1.1.1:80',
    '1.2.3:80',
    '1.2.3.4.:80',
    '1:2',
    'a.0:80',
    '01.2.3.4:80',
    'münchen:80',
    'h\u212a:80',
    `${'a'.repeat(64)}.b:80`,
    `${'a'.repeat(254)}:80`,
  ])('%j is refused', (text) => {
    expect(issue(hostPort(), text)).toBe(
      'Expected a host and its port, such as db.internal:5432 or [::1]:80, without a scheme or a path',
    )
  })

  it('takes a default port, an object of a file, and keeps the instance while it is unchanged', () => {
    expect(read(hostPort({ defaultPort: 5432 }), 'db')).toEqual({ host: 'db', port: 5432 })
    expect(read(hostPort({ defaultPort: 5432 }), '[::1]')).toEqual({ host: '::1', port: 5432 })
    expect(read(hostPort(), { host: 'db', port: 1 })).toEqual({ host: 'db', port: 1 })
    expect(() => hostPort({ defaultPort: 0 })).toThrow('hostPort() got defaultPort = 0; expected a port')
    const { patch } = staged(z.object({ x: hostPort(), y: z.number() }).refine(() => true))
    const first = acceptedValue(patch(0, { x: 'db:1', y: '1' })) as { x: object }
    const second = acceptedValue(patch(0, { y: '2' })) as { x: object }
    expect(second.x).toBe(first.x)
    expect(Object.isFrozen(first.x)).toBe(true)
  })
})

test('forms: JSON Schema, kinds and fingerprints know them, and a value that is written is read back', async () => {
  const definition = defineConfig({
    name: 'x',
    schema: z.object({
      wait: duration().max(9e5).default(5_000).describe('How long'),
      size: bytes(),
      at: hostPort(),
      port: port(),
    }),
  })
  expect(toJsonSchema(definition)).toMatchObject({
    properties: {
      wait: {
        description: 'How long',
        default: 5_000,
        anyOf: [{ type: 'number', minimum: 0, maximum: 900_000 }, { type: 'string' }],
      },
      size: { anyOf: [{ type: 'integer' }, { type: 'string' }] },
      at: { type: 'string' },
      port: { type: 'integer', minimum: 1, maximum: 65_535 },
    },
  })
  const other = defineConfig({
    name: 'x',
    schema: z.object({ ...definition.schema.shape, wait: z.number() }),
  })
  expect(other.fingerprint).not.toBe(definition.fingerprint)
  const value = { wait: 90_000, size: 1024, at: { host: '::1', port: 80 }, port: 81 }
  const texts = (form: 'children' | 'document') =>
    writeValue(definition, [], value, { form }).map(({ key, text }) => `${key}=${text}`)
  expect(texts('children')).toEqual(['wait=90000', 'size=1024', 'at=[::1]:80', 'port=81'])
  expect(texts('document')).toEqual(['={"wait":90000,"size":1024,"at":"[::1]:80","port":81}'])
  expect(() => writeValue(definition, 'at', { host: 'a b', port: 80 })).toThrow('at')
})
