import { mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineConfig, env, file, memory, secret } from '@livetree/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import * as z from 'zod'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'

const definition = defineConfig({
  name: 'checkout',
  naming: 'kebab-case',
  schema: z.object({
    http: z.object({ port: z.number().int().default(3000), timeoutMs: z.number().positive() }),
    db: z.object({ url: secret(z.url()), pool: z.object({ max: z.number().int() }) }),
    features: z.record(z.string(), z.boolean()).default({}),
    hosts: z.array(z.string()).default([]),
    big: z.bigint().optional(),
  }),
})

withoutOpenHandles()

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'livetree-core-'))
})
afterEach(() => rm(directory, { recursive: true }))

const DEFAULTS = `
http: { timeout-ms: 1500 }
db:
  url: postgres://shop:hunter2@db/shop
  pool: { max: 10 }
features: { search: on }
hosts: [a, b]
big: 9007199254740993
`

async function setUp(environment: Record<string, string> = {}) {
  const path = join(directory, 'defaults.yaml')
  const dotenv = join(directory, '.env')
  await writeFile(path, DEFAULTS)
  await writeFile(dotenv, 'CHECKOUT_HTTP__TIMEOUT_MS=2000\nCHECKOUT_DB__POOL__MAX=20\n')
  const local = memory()
  const config = await definition.load({
    sources: [file(path), env({ prefix: 'CHECKOUT_', dotenv: [dotenv], environment }), local],
  })
  return { path, dotenv, local, config }
}

test('file, dotenv, environment and memory are laid over each other leaf by leaf', async () => {
  const { config, local, path } = await setUp({ CHECKOUT_DB__POOL__MAX: '30' })
  await using _ = config
  expect(config.current).toEqual({
    http: { port: 3000, timeoutMs: 2000 },
    db: { url: 'postgres://shop:hunter2@db/shop', pool: { max: 30 } },
    features: { search: true },
    hosts: ['a', 'b'],
    big: 9007199254740993n,
  })
  local.set({ http: { timeoutMs: 1 } })
  expect(config.current.http.timeoutMs).toBe(1)
  const { layers } = config.explain('db.pool.max')
  expect(layers.map(({ origin, value }) => [origin.source, origin.key, value])).toEqual([
    ['env', 'CHECKOUT_DB__POOL__MAX', '30'],
    ['env', 'CHECKOUT_DB__POOL__MAX', '20'],
    [`file:${path}`, `${path}#/db/pool/max`, 10],
  ])
})

test('a file that is saved by an editor is a change; one with an error in it is rejected, and heals', async () => {
  const { config, path } = await setUp()
  await using _ = config
  const save = async (text: string) => {
    await writeFile(`${path}~`, text)
    await rename(`${path}~`, path)
  }
  await save(DEFAULTS.replace('[a, b]', '[a, b, c]'))
  await waitFor(() => config.current.hosts.length === 3)
  const before = config.current

  await save(DEFAULTS.replace('url:', 'url: "hunter2 '))
  await waitFor(() => config.status.rejected !== undefined)
  expect(config.current).toBe(before)
  const { issues } = config.status.rejected!
  const unreadable = issues.find(({ code }) => code === 'unreadable')
  expect(unreadable).toMatchObject({ origins: [{ source: `file:${path}` }] })
  expect(unreadable!.message).toMatch(/not valid YAML at line \d+, column \d+/)
  expect(JSON.stringify(issues)).not.toContain('hunter2')

  await save(DEFAULTS)
  await waitFor(() => config.current.hosts.length === 2)
  expect(config.status.rejected).toBeUndefined()
})

test('a dotenv file that changes is a change', async () => {
  const { config, dotenv } = await setUp()
  await using _ = config
  await writeFile(dotenv, 'CHECKOUT_DB__POOL__MAX=21\n')
  await waitFor(() => config.current.db.pool.max === 21)
  expect(config.current.http.timeoutMs).toBe(1500)
})

test('a file that loses most of its leaves is guarded', async () => {
  const { config, path } = await setUp()
  await using _ = config
  const before = config.current
  await writeFile(path, 'hosts: [a]\n')
  await waitFor(() => config.status.rejected !== undefined)
  expect(config.current).toBe(before)
  await writeFile(path, DEFAULTS)
  await waitFor(() => config.status.rejected === undefined)
})

test('a refused removal from a file is allowed by touching it, not by another file in its place', async () => {
  const { config, path } = await setUp()
  await using _ = config
  await writeFile(
    path,
    `${DEFAULTS}features: { a: on, b: on, c: on, d: on, e: on, f: on, g: on, h: on }\n`.replace(
      'features: { search: on }\n',
      '',
    ),
  )
  await waitFor(() => config.current.features.h)
  const small = DEFAULTS.replace('features: { search: on }\n', '')
  await writeFile(path, small)
  await waitFor(() => config.status.rejected !== undefined)
  const { message } = config.status.rejected!.issues[0]!
  expect(message.endsWith(`say that it is meant: touch ${path}`)).toBe(true)
  // As a mount is swapped, or an editor saves: nobody looked at what was refused.
  await writeFile(`${path}.new`, small)
  await rename(`${path}.new`, path)
  await config.refresh()
  expect(config.status.rejected).toBeDefined()
  await utimes(path, new Date(), new Date())
  await waitFor(() => config.status.rejected === undefined)
  expect(config.current.features).toEqual({})
})

test('names that could reach a prototype are harmless in every source', async () => {
  const { path, dotenv, config, local } = await setUp()
  await using _ = config
  await writeFile(
    path,
    `${DEFAULTS}\n__proto__: { polluted: 1 }\nconstructor: { prototype: { polluted: 1 } }\n`,
  )
  await writeFile(dotenv, 'CHECKOUT___PROTO____POLLUTED=1\nCHECKOUT_CONSTRUCTOR__PROTOTYPE__POLLUTED=1\n')
  local.set(JSON.parse('{"features": {"__proto__": true}, "__proto__": {"polluted": 1}}'))
  await waitFor(() => config.status.unused.length >= 4)
  await config.refresh()
  expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  expect(Object.keys(config.current.features)).toEqual(['search'])
  expect(Object.getPrototypeOf(config.current.features)).toBe(Object.prototype)
})
