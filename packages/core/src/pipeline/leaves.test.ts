import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import type { Naming } from '../schema/naming.ts'
import { secret } from '../schema/secret.ts'
import { type LayerInfo, Unreadable } from '../source/source.ts'
import { createPipeline } from './create-pipeline.ts'
import { compileSchema } from '../schema/compile-schema.ts'
import { envLayer, staged, storedLayer, type Tree, acceptedValue } from './staged.test.kit.ts'

const schema = z.object({
  httpServer: z.object({ timeoutMs: z.number(), hostName: z.string().optional() }),
  byName: z.record(z.string(), z.object({ portNumber: z.number() })),
  tags: z.array(z.string()).optional(),
  free: z.unknown().optional(),
  password: secret(z.string()).optional(),
  login: z.object({ token: secret(z.string()), user: z.string() }).optional(),
})

const memory: LayerInfo = { name: 'memory', keyPrefix: '', separator: '/', naming: 'exact' }

/** What comes back goes into a fresh pipeline, and makes the same value of it. */
function roundTrip(layer: LayerInfo, naming: Naming, tree: Tree): void {
  const options = { layers: [layer], naming }
  const { pipeline, patch } = staged(schema, options)
  const value = acceptedValue(patch(0, tree))
  const [leaves] = pipeline.leaves(0, { withSecrets: true })
  expect(Object.fromEntries(leaves!.map(({ path, value: raw }) => [path, raw]))).toEqual(tree)
  expect(leaves!.every(({ revision }) => revision === 1)).toBe(true)
  const fresh = staged(schema, options)
  fresh.pipeline.stage(0, { type: 'replace', update: { revision: 1, epoch: 0, layers: [leaves!] } })
  const again = acceptedValue(fresh.pipeline.evaluate())
  expect(again).toEqual(value)
  expect(fresh.pipeline.leaves(0, { withSecrets: true })).toEqual([leaves])
}

describe('leavesOf: gives back what was staged', () => {
  test.each<[string, LayerInfo, Naming, Tree]>([
    [
      'keys',
      storedLayer('base'),
      'exact',
      {
        'httpServer/timeoutMs': '5',
        'byName/a%2Fb/portNumber': '6',
        'byName/%25/portNumber': '7',
        'tags/0': 'a',
        'free/x/y': 'z',
        password: 's',
        strange: 'x',
        'strange/deep/er': 'y',
      },
    ],
    [
      'kebab-case',
      storedLayer('base'),
      'kebab-case',
      { 'http-server/timeout-ms': '5', 'by-name/aB/port-number': '6', 'http-server/strange-one': 'x' },
    ],
    [
      'snake_case',
      storedLayer('base'),
      'snake_case',
      { 'http_server/timeout_ms': '5', 'by_name/a_b/port_number': '6' },
    ],
    [
      'variables',
      envLayer,
      'exact',
      { HTTP_SERVER__TIMEOUT_MS: '5', BY_NAME__A_B__PORT_NUMBER: '6', HTTP_SERVER__STRANGE: 'x' },
    ],
    [
      'a variable that is a document',
      envLayer,
      'kebab-case',
      { HTTP_SERVER: '{"timeoutMs": 5}', TAGS: '["a"]' },
    ],
    [
      'memory',
      memory,
      'kebab-case',
      { 'httpServer/timeoutMs': 5, 'byName/aB': { portNumber: 6 }, free: { a: [1] }, tags: ['a'] },
    ],
    [
      'documents',
      storedLayer('base'),
      'exact',
      {
        httpServer: '{"timeoutMs": "5"}',
        byName: { a: { portNumber: 1 }, 'b/c': { portNumber: 2 } },
        tags: '["a"]',
      },
    ],
    [
      'a document at the root',
      storedLayer('base'),
      'exact',
      { '': '{"httpServer": {"timeoutMs": 5}, "strange": 1}' },
    ],
    [
      'an empty document, and an empty text',
      storedLayer('base'),
      'exact',
      { 'httpServer/timeoutMs': '5', byName: '{}', 'httpServer/hostName': '' },
    ],
  ])('%s', (_name, layer, naming, tree) => roundTrip(layer, naming, tree))

  test('of each layer of a source, and of no other source', () => {
    const pipeline = createPipeline(compileSchema(schema), [
      { name: 'file', layers: [storedLayer('file')] },
      { name: 'etcd', layers: [storedLayer('base'), storedLayer('prod')] },
    ])
    const leaf = (value: string) => ({ path: 'httpServer/timeoutMs', value, revision: 7 })
    pipeline.stage(0, { type: 'replace', update: { revision: 7, epoch: 0, layers: [[leaf('1')]] } })
    pipeline.stage(1, {
      type: 'replace',
      update: { revision: 7, epoch: 0, layers: [[leaf('2')], [leaf('3')]] },
    })
    expect(pipeline.leaves(0, { withSecrets: true })).toEqual([[leaf('1')]])
    expect(pipeline.leaves(1, { withSecrets: true })).toEqual([[leaf('2')], [leaf('3')]])
    const document = (timeoutMs: number) => ({ path: 'httpServer', value: { timeoutMs }, revision: 7 })
    pipeline.stage(1, {
      type: 'replace',
      update: { revision: 7, epoch: 0, layers: [[document(2)], [document(3)]] },
    })
    expect(pipeline.leaves(1, { withSecrets: true })).toEqual([[document(2)], [document(3)]])
  })

  test('follows what is patched, and skips what cannot be read', () => {
    const { pipeline, patch } = staged(schema)
    patch(0, { httpServer: '{"timeoutMs": 5}', 'byName/a/portNumber': '1' })
    patch(0, { httpServer: undefined, 'httpServer/timeoutMs': '6', tags: new Unreadable('not UTF-8') })
    patch(0, { 'byName/a/portNumber': undefined })
    expect(pipeline.leaves(0, { withSecrets: true })).toEqual([
      [{ path: 'httpServer/timeoutMs', value: '6', revision: 2 }],
    ])
  })
})

describe('leavesOf: without secrets', () => {
  test('leaves out every leaf that may hold one, and what nobody knows', () => {
    const { pipeline, patch } = staged(schema)
    const open = {
      'httpServer/timeoutMs': '5',
      'login/user': 'u',
      'free/x/y': 'z',
      'byName/a': '{"portNumber": 1}',
    }
    patch(0, { ...open, password: 's', 'login/token': 's', pasword: 's' })
    const paths = () => pipeline.leaves(0, { withSecrets: false })[0]!.map(({ path }) => path)
    expect(paths().sort()).toEqual(Object.keys(open).sort())
    patch(0, { 'login/user': undefined, 'login/token': undefined, login: '{"token": "s", "user": "u"}' })
    expect(paths()).not.toContain('login')
  })

  test('where nothing is secret, it is all that the schema knows', () => {
    const plain = z.object({
      a: z.string(),
      b: z.array(z.object({ c: z.string() })),
      d: z.tuple([z.string()]),
      e: z.map(z.string(), z.string()),
      f: z.json(),
    })
    const tree = { a: 'x', 'b/0/c': 'x', 'b/named/c': 'x', 'd/named': 'x', 'e/x': 'x', 'f/x/0': 'x' }
    const { pipeline, patch } = staged(plain)
    patch(0, tree)
    expect(
      pipeline
        .leaves(0, { withSecrets: false })[0]!
        .map(({ path }) => path)
        .sort(),
    ).toEqual(Object.keys(tree).sort())
  })
})
