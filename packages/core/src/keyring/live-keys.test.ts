import { mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { secret } from '../schema/secret.ts'
import { createManualSource } from '../testing/manual-source.ts'
import { createTestClock } from '../testing/test-clock.ts'
import { BASE, keyNumber, loadFrom, material, sealed } from '../encrypted-config.test.kit.ts'
import type { KeyMaterial, KeyOrigin } from './key-origin.ts'
import { keyring } from './keyring.ts'

const schema = z.object({ v: secret(z.string(), { encrypted: true }), n: z.number().default(0) })
const envelope = (id: string, number: number, text: string) => sealed(id, number, ['v'], text)
const line = (id: string, number: number) => `${id}:${keyNumber(number).toString('base64')}\n`

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'livetree-keys-'))
})
afterAll(() => rm(directory, { recursive: true }))

describe('keys of files', () => {
  test.each(['written in place', 'replaced by a rename', 'behind a link that is swapped'])(
    'are read again when the file is %s, and the tree is judged again',
    async (way) => {
      const file = join(directory, way.replaceAll(' ', '-'))
      await writeFile(`${file}-0`, line('k0', 0))
      await writeFile(`${file}-1`, line('k1', 1) + line('k0', 0))
      if (way.includes('link')) await symlink(`${file}-0`, file)
      else await writeFile(file, line('k0', 0))
      const keys = keyring({ current: { file } })
      const { config, put } = await loadFrom(schema, { v: envelope('k0', 0, 'old') }, { keys })
      await using _ = config
      await put(8, 'v', envelope('k1', 1, 'new'))
      expect(config.status.rejected?.issues).toMatchObject([{ code: 'key_missing' }])
      expect(config.current.v).toBe('old')
      if (way.includes('place')) await writeFile(file, line('k1', 1) + line('k0', 0))
      else if (way.includes('rename')) await rename(`${file}-1`, file)
      else {
        await symlink(`${file}-1`, `${file}-link`)
        await rename(`${file}-link`, file)
      }
      await vi.waitFor(() => expect(config.current.v).toBe('new'), { timeout: 10_000 })
      expect(config.status.rejected).toBeUndefined()
    },
  )

  test('a file that is damaged later changes nothing; one that is damaged at the start is named, and nothing of it', async () => {
    const file = join(directory, 'damaged')
    await writeFile(file, line('k0', 0))
    const keys = keyring({ current: { file } })
    const { config } = await loadFrom(schema, { v: envelope('k0', 0, 'x') }, { keys })
    await using _ = config
    await writeFile(file, 'correct horse')
    await keys.refresh()
    expect(config.current.v).toBe('x')
    expect(config.status.rejected).toBeUndefined()
    const loading = loadFrom(schema, { v: envelope('k0', 0, 'x') }, { keys })
    await expect(loading).rejects.toMatchObject({
      code: 'keys_unavailable',
      message: expect.stringContaining(file),
    })
    await expect(loading).rejects.not.toMatchObject({ message: expect.stringContaining('horse') })
    const missing = keyring({ current: { file: join(directory, 'missing') } })
    await expect(loadFrom(schema, {}, { keys: missing })).rejects.toMatchObject({ code: 'keys_unavailable' })
  })

  test('previous keys may be none: the file is not there, empty, or emptied after a rotation', async () => {
    const file = join(directory, 'previous')
    const keys = keyring({ current: material('k1', 1), previous: [{ file }, { env: 'LIVETREE_NO_KEYS' }] })
    const { config, put } = await loadFrom(schema, { v: envelope('k1', 1, 'x') }, { keys })
    await using _ = config
    await writeFile(file, line('k0', 0))
    await keys.refresh()
    await put(8, 'v', envelope('k0', 0, 'old'))
    expect(config.current.v).toBe('old')
    await writeFile(file, '# none\n')
    await keys.refresh()
    expect(config.status.rejected?.issues).toMatchObject([{ code: 'key_missing' }])
    const again = await loadFrom(schema, { v: envelope('k1', 1, 'x') }, { keys })
    await again.config.close()
    await writeFile(file, '')
    const current = keyring({ current: { file }, previous: material('k0', 0) })
    await expect(loadFrom(schema, {}, { keys: current })).rejects.toMatchObject({
      message: expect.stringContaining('has no key in it'),
    })
  })

  test.each<[string, () => KeyOrigin]>([
    ['a file that has no keys in it', () => ({ file: join(directory, 'no-keys') })],
    ['whoever is away', () => () => Promise.reject(new Error('away'))],
  ])('a previous origin that gives none holds nothing back: %s', async (_name, originOf) => {
    const previous = originOf()
    await writeFile(join(directory, 'no-keys'), 'correct horse')
    const warned: string[] = []
    const logger = { debug() {}, info() {}, warn: (text: string) => warned.push(text), error() {} }
    let current = [material('k1', 1)]
    const keys = keyring({ current: async () => current, previous })
    const { config, put } = await loadFrom(schema, { v: envelope('k1', 1, 'x') }, { keys, logger })
    await using _ = config
    expect(config.current.v).toBe('x')
    await vi.waitFor(() => expect(warned.join()).toMatch(/no-keys|previous/))
    expect(warned.join()).not.toContain('horse')
    current = [material('k2', 2)]
    await keys.refresh()
    await put(8, 'v', envelope('k2', 2, 'y'))
    expect(config.current.v).toBe('y')
    // the one that was known stays for as long as not all origins answer
    await put(9, 'v', envelope('k1', 1, 'z'))
    expect(config.current.v).toBe('z')
  })

  test('two keys of one id end the start at once', async () => {
    const file = join(directory, 'twice')
    await writeFile(file, line('k0', 0) + line('k0', 1))
    await expect(loadFrom(schema, {}, { keys: keyring({ current: { file } }) })).rejects.toMatchObject({
      code: 'keys_unavailable',
      message: expect.stringContaining('two keys of the id "k0"'),
    })
  })

  test.each<[string, unknown]>([
    ['an id beside a file', { id: 'k1', file: '/run/keys' }],
    ['a file and a variable', { file: '/run/keys', env: 'KEYS' }],
    ['a promise', Promise.resolve(material('k1', 1))],
    ['nothing', {}],
  ])('%s is no origin', (_name, current) => {
    expect(() => keyring({ current: current as KeyMaterial })).toThrow(
      /\{ file \}, \{ env \}, \{ id, key \} or a function/,
    )
  })

  test('a variable', async () => {
    process.env['LIVETREE_TEST_KEY'] = keyNumber(3).toString('hex')
    try {
      const keys = keyring({ current: { env: 'LIVETREE_TEST_KEY' } })
      const key = (await keys.read(AbortSignal.timeout(1_000))).current
      const { config } = await loadFrom(schema, { v: envelope(key?.id ?? '', 3, 'x') }, { keys })
      expect(config.current.v).toBe('x')
      await config.close()
    } finally {
      delete process.env['LIVETREE_TEST_KEY']
    }
    await expect(
      loadFrom(schema, {}, { keys: keyring({ current: { env: 'LIVETREE_TEST_KEY' } }) }),
    ).rejects.toMatchObject({
      code: 'keys_unavailable',
      message: expect.stringContaining('LIVETREE_TEST_KEY'),
    })
  })
})

describe('keys that a function gives', () => {
  test('it is asked at the start and when an envelope has a key that is not known, and never by a change', async () => {
    const port = vi.fn<() => Promise<KeyMaterial[]>>(async () => [material('k0', 0)])
    const clock = createTestClock()
    const { config, put } = await loadFrom(
      schema,
      { v: envelope('k0', 0, 'a') },
      { keys: keyring({ current: port }), clock },
    )
    await using _ = config
    for (const [index, text] of ['b', 'c', 'd'].entries()) await put(8 + index, 'v', envelope('k0', 0, text))
    expect(port).toHaveBeenCalledTimes(1)
    port.mockImplementation(async () => [material('k1', 1), material('k0', 0)])
    await put(20, 'v', envelope('k1', 1, 'e'))
    expect(port).toHaveBeenCalledTimes(1)
    clock.advance(60)
    await vi.waitFor(() => expect(config.current.v).toBe('e'))
    expect(port).toHaveBeenCalledTimes(2)
    // one that nobody has is asked for again, and not more often than every ten seconds
    for (let revision = 21; revision < 40; revision++) {
      await put(revision, 'v', envelope(`k${revision}`, 1, 'f'))
      clock.advance(100)
    }
    expect(port).toHaveBeenCalledTimes(2)
    clock.advance(10_000)
    await vi.waitFor(() => expect(port).toHaveBeenCalledTimes(3))
    expect(config.current.v).toBe('e')
  })

  test.each<[string, () => Promise<never>]>([
    ['never answers', () => new Promise(() => {})],
    ['rejects', () => Promise.reject(new Error('no'))],
  ])(
    'one that %s is waited for until startup is over; load ends, and nothing is left',
    async (_name, port) => {
      const clock = createTestClock()
      const loading = loadFrom(
        schema,
        { v: envelope('k0', 0, 'a') },
        { keys: keyring({ current: port }), clock, startup: { timeoutMs: 5_000 } },
      )
      const refused = expect(loading).rejects.toMatchObject({
        code: 'startup_timeout',
        message: expect.stringContaining('key'),
      })
      for (let step = 0; step < 60; step++) {
        clock.advance(100)
        await new Promise((resolve) => setImmediate(resolve))
      }
      await refused
      expect(clock.pendingTimers).toBe(0)
    },
  )

  test('defaults are served where load says so, and the tree once the keys are there', async () => {
    const given = Promise.withResolvers<KeyMaterial>()
    const clock = createTestClock()
    const of = z.object({ v: secret(z.string(), { encrypted: true }).default('none') })
    const loading = loadFrom(
      of,
      { v: envelope('k0', 0, 'a') },
      {
        keys: keyring({ current: () => given.promise }),
        clock,
        startup: { timeoutMs: 1_000, onUnavailable: 'defaults' },
      },
    )
    for (let step = 0; step < 12; step++) {
      clock.advance(100)
      await new Promise((resolve) => setImmediate(resolve))
    }
    const { config } = await loading
    await using _ = config
    expect(config.current.v).toBe('none')
    given.resolve(material('k0', 0))
    await vi.waitFor(() => expect(config.current.v).toBe('a'))
  })

  test('at a rotation that fails the last keys stay; a key that is taken away is missed at once', async () => {
    let answer: () => Promise<KeyMaterial[]> = async () => [material('k1', 1), material('k0', 0)]
    const keys = keyring({ current: () => answer() })
    const { config, put } = await loadFrom(schema, { v: envelope('k0', 0, 'a') }, { keys })
    await using _ = config
    answer = () => Promise.reject(new Error('away'))
    await keys.refresh()
    await put(8, 'v', envelope('k0', 0, 'b'))
    expect(config.current.v).toBe('b')
    answer = async () => [material('k1', 1)]
    await keys.refresh()
    expect(config.status.rejected?.issues).toMatchObject([{ code: 'key_missing' }])
    expect(config.current.v).toBe('b')
    answer = async () => [{ id: 'k1', key: 'c2hvcnQ=' }]
    await keys.refresh()
    answer = async () => [material('k0', 0)]
    await keys.refresh()
    expect(config.status.rejected).toBeUndefined()
  })
})

test('refreshMs asks again, and not after close', async () => {
  const port = vi.fn(async () => material('k0', 0))
  const clock = createTestClock()
  const { config } = await loadFrom(
    schema,
    { v: envelope('k0', 0, 'a') },
    { keys: keyring({ current: port, refreshMs: 60_000 }), clock },
  )
  for (let count = 2; count < 5; count++) {
    clock.advance(60_000)
    await vi.waitFor(() => expect(port).toHaveBeenCalledTimes(count))
  }
  await config.close()
  clock.advance(600_000)
  expect(port).toHaveBeenCalledTimes(4)
})

test('a snapshot without a key has the envelope and no plain text, and serves it', async () => {
  const path = join(directory, 'snapshot')
  const keys = keyring({ current: material('k0', 0) })
  const snapshot = { path }
  const { config } = await loadFrom(schema, { v: envelope('k0', 0, 'hunter2') }, { keys, snapshot })
  await config.close()
  const { readFile } = await import('node:fs/promises')
  const text = await readFile(path, 'utf8')
  expect(text).toContain('livetree:encrypted:1:k0:')
  expect(text).not.toContain('hunter2')
  const source = createManualSource({ name: 'etcd', layers: [BASE] })
  const loading = defineConfig({ name: 'shop', schema }).load({
    sources: [source],
    keys,
    snapshot,
    logger: false,
    startup: { onUnavailable: 'snapshot', timeoutMs: 50 },
  })
  await using restarted = await loading
  expect(restarted.current.v).toBe('hunter2')
})
