import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as z from 'zod'
import { defineConfig } from './define-config.ts'
import { env } from './source/env.ts'
import { file } from './source/file.ts'
import { memory } from './source/memory.ts'
import type { Source } from './source/source.ts'

let directory = ''
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'describe-unused-'))
})
afterAll(() => rm(directory, { recursive: true }))

const schema = z.object({
  pool: z.object({ maxSize: z.number().default(0) }),
  servers: z.array(z.object({ host: z.string(), port: z.number().default(0) })).default([]),
  store: z
    .discriminatedUnion('kind', [
      z.object({ kind: z.literal('disk'), path: z.string() }),
      z.object({ kind: z.literal('cloud'), bucket: z.string() }),
    ])
    .default({ kind: 'disk', path: '/' }),
  u: z.union([z.object({ b: z.string() }), z.object({ a: z.string() })]).default({ b: '' }),
})

const variables = (environment: Record<string, string>) => env({ prefix: 'S_', environment })

async function yaml(text: string): Promise<Source> {
  const path = join(directory, 'shop.yaml')
  await writeFile(path, text)
  return file(path)
}

test.each<[string, () => Source | Promise<Source>, string[]]>([
  ['a key', () => memory({ pool: { maxSiz: 1 } }), ['memory: pool/maxSiz (did you mean maxSize?)']],
  [
    'a variable',
    () => variables({ S_POOL_MAX_SIZE: '1' }),
    ['env: S_POOL_MAX_SIZE (did you mean S_POOL__MAX_SIZE?)'],
  ],
  [
    'a name in a document of a variable',
    () => variables({ S_POOL: '{"maxSiz": 1, "other": {"x": 2}}' }),
    ['env: pool.maxSiz in S_POOL (did you mean maxSize?)', 'env: pool.other.x in S_POOL'],
  ],
  [
    'a name in a list of a variable',
    () => variables({ S_SERVERS: '[{"host": "a", "prot": 1}]' }),
    ['env: servers.0.prot in S_SERVERS (did you mean port?)'],
  ],
  [
    'a name in a list of a file',
    () => yaml('servers: [{ host: a, prot: 1 }, { host: b, x: { y: 1 } }]'),
    ['file: servers.0.prot in #/servers (did you mean port?)', 'file: servers.1.x.y in #/servers'],
  ],
  ['a key of a file', () => yaml('pool: { maxSiz: 1 }'), ['file: #/pool/maxSiz (did you mean maxSize?)']],
  [
    'a variable that another option knows',
    () => variables({ S_STORE__KIND: 'disk', S_STORE__PATH: '/x', S_STORE__BUCKET: 'b' }),
    ['env: S_STORE__BUCKET'],
  ],
  [
    'a name of one letter that another option knows',
    () => memory({ u: { a: 'x', b: 'y' } }),
    ['memory: u/a'],
  ],
])('of %s the warning says what is unknown, and nothing that is known', async (_, source, expected) => {
  const warnings: string[] = []
  const quiet = () => {}
  const logger = { debug: quiet, info: quiet, warn: (text: string) => warnings.push(text), error: quiet }
  const config = await defineConfig({ name: 'shop', schema }).load({ sources: [await source()], logger })
  await config.close()
  const [heading, ...lines] = warnings.join('\n').replaceAll(join(directory, 'shop.yaml'), '').split('\n')
  expect(heading).toBe('Configuration "shop" has keys that its schema does not know')
  expect(lines.map((line) => line.trim().replace(/^file:: /, 'file: '))).toEqual(expected)
})
