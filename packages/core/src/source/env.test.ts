import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { recordSource, type SourceRecorder } from '../testing/record-source.ts'
import { type EnvOptions, env } from './env.ts'

let directory: string
const open: SourceRecorder[] = []

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'livetree-env-'))
})
afterEach(async () => {
  await Promise.all(open.splice(0).map((recorder) => recorder.connection.close()))
  await rm(directory, { recursive: true })
})

async function record(options: EnvOptions): Promise<SourceRecorder> {
  const recorder = recordSource(env(options))
  open.push(recorder)
  await expect.poll(() => recorder.calls).not.toHaveLength(0)
  return recorder
}

describe('env', () => {
  it('takes the variables with the prefix, and gives the rest of the name as the path', async () => {
    const environment = { APP_DB__URL: 'x', APP_EMPTY: '', APP_: 'no path', OTHER: '1', APP_GONE: undefined }
    const recorder = await record({ prefix: 'APP_', environment })
    expect(recorder.layer()).toEqual({ DB__URL: 'x', EMPTY: '' })
    expect(env({ prefix: 'APP_' }).layers).toEqual([
      { name: 'env', keyPrefix: 'APP_', separator: '__', naming: 'env', listsWithCommas: true },
    ])
  })

  it('aliases: variables of other names, below that of the prefix, the first of several names above the others', async () => {
    const file = join(directory, '.env')
    await writeFile(file, 'DATABASE_URL=of the file\nAPP_DB__URL=own of the file\n')
    const environment = { DATABASE_URL: 'b', PGURL: 'a', APP_PORT: '1', PORT: '2', APP_DB__URL: 'own' }
    const aliases = { 'db.url': ['DATABASE_URL', 'PGURL'], port: 'PORT', 'features."a.b"': 'APP_PORT' }
    const options = { prefix: 'APP_', aliases, environment, dotenv: [file] }
    const { layers } = env(options)
    expect(layers.map(({ name, keyPrefix, at }) => [name, keyPrefix, at])).toEqual(
      [`dotenv:${file}`, 'env'].flatMap((name) => [
        [name, 'PGURL', 'db.url'],
        [name, 'DATABASE_URL', 'db.url'],
        [name, 'PORT', 'port'],
        [name, 'APP_PORT', 'features."a.b"'],
        [name, 'APP_', undefined],
      ]),
    )
    const recorder = await record(options)
    expect(layers.map((_, layer) => recorder.layer(layer))).toEqual([
      ...[{}, { '': 'of the file' }, {}, {}, { DB__URL: 'own of the file' }],
      // a variable that has an alias is not one of the prefix as well
      ...[{ '': 'a' }, { '': 'b' }, { '': '2' }, { '': '1' }, { DB__URL: 'own' }],
    ])
  })

  it('emptyAsUnset: an empty variable is as good as none, also in dotenv files', async () => {
    const file = join(directory, '.env')
    await writeFile(file, 'APP_A=file\nAPP_B=\nURL=\n')
    const environment = { APP_A: '', APP_B: ' ', URL: '' }
    const options = { prefix: 'APP_', environment, dotenv: [file], aliases: { url: 'URL' } }
    const taken = await record({ ...options, emptyAsUnset: true })
    expect([0, 1, 2, 3].map((layer) => taken.layer(layer))).toEqual([{}, { A: 'file' }, {}, { B: ' ' }])
    const all = await record(options)
    expect([0, 1, 2, 3].map((layer) => all.layer(layer))).toEqual([
      { '': '' },
      { A: 'file', B: '' },
      { '': '' },
      { A: '', B: ' ' },
    ])
  })

  it('otherPrefixes: variables that belong to another configuration are not its own', async () => {
    const file = join(directory, '.env')
    await writeFile(file, 'A_N=1\nA_PLATFORM_N=2\n')
    const environment = { A_N: '3', A_PLATFORM_N: '4', A_PLATFORM: '5', A_PLATFORM_URL: '6' }
    const aliases = { url: 'A_PLATFORM_URL' }
    const options = { prefix: 'A_', otherPrefixes: ['A_PLATFORM_'], dotenv: [file], environment, aliases }
    const recorder = await record(options)
    const layers = env(options).layers.map((_, layer) => recorder.layer(layer))
    expect(layers).toEqual([{}, { N: '1' }, { '': '6' }, { N: '3', PLATFORM: '5' }])
    const schema = z.object({ n: z.string(), url: z.string(), platform: z.string() })
    await using config = await defineConfig({ name: 'a', schema }).load({
      sources: [env(options)],
      logger: false,
    })
    const preview = (key: string) => config.preview([{ layer: 'env', key, value: '7' }])
    for (const key of ['A_N', 'A_PLATFORM', 'A_PLATFORM_URL'])
      expect(preview(key)).toHaveProperty('changes.length', 1)
    for (const key of ['A_PLATFORM_N', 'A_', 'A_PLATFORM_'])
      expect(() => preview(key)).toThrow(
        `[invalid_options] preview() got the variable ${key}, which this source`,
      )
  })

  it.each(['A_', 'B_', 'A', ''])('otherPrefixes: refuses %j beside A_', (other) => {
    expect(() => env({ prefix: 'A_', otherPrefixes: [other] })).toThrow(
      /^\[invalid_options\] env\(\) got .*; expected /,
    )
  })

  it.each([
    [{ aliases: ['DATABASE_URL'] }, 'aliases = a list'],
    [{ aliases: { 'db.url': '' } }, 'aliases = an object'],
    [{ aliases: { 'db.url': [] } }, 'aliases = an object'],
    [{ aliases: { '': 'DATABASE_URL' } }, 'aliases = an object'],
    [{ emptyAsUnset: 'yes' }, 'emptyAsUnset = a text'],
  ])('refuses %j', (options, words) => {
    expect(() => env({ prefix: 'APP_', ...(options as object) })).toThrow(`env() got ${words}; expected`)
  })

  it('refuses an empty prefix', () => {
    expect(() => env({ prefix: '' })).toThrow('[invalid_options] env() got prefix = an empty text')
  })

  it('reads dotenv files as layers below the process, later ones above earlier ones', async () => {
    const [first, second, missing] = ['.env', '.env.local', '.env.none'].map((name) => join(directory, name))
    await writeFile(first!, 'APP_A="one # two"\nAPP_B=first\nOTHER=1\n')
    await writeFile(second!, 'export APP_B=second\n')
    const before = { ...process.env }
    const recorder = await record({
      prefix: 'APP_',
      dotenv: [first!, second!, missing!],
      environment: { APP_C: 'process' },
    })
    expect(recorder.calls).toHaveLength(1)
    expect([0, 1, 2, 3].map((layer) => recorder.layer(layer))).toEqual([
      { A: 'one # two', B: 'first' },
      { B: 'second' },
      {},
      { C: 'process' },
    ])
    expect({ ...process.env }).toEqual(before)
    await writeFile(missing!, 'APP_D=late\n')
    await expect.poll(() => recorder.layer(2)).toEqual({ D: 'late' })
  })

  it('allows a removal when every file that lost variables was touched, and no other', async () => {
    const files = ['.env', '.env.local', '.env.more'].map((name) => join(directory, name))
    const [first, second, third] = files as [string, string, string]
    let seconds = 1_000
    const touch = (path: string) => utimes(path, ++seconds, seconds)
    const write = async (path: string, text: string) => {
      await writeFile(path, text)
      await touch(path)
    }
    for (const path of files) await write(path, 'APP_A=1\nAPP_B=1\n')
    const source = { prefix: 'APP_', dotenv: files, environment: {}, watch: false }
    const recorder = await record(source)
    const allowed = () => recorder.calls.filter((call) => JSON.stringify(call).includes('"allowRemoval":['))
    const refresh = () => recorder.connection.refresh(new AbortController().signal)
    await write(second, 'APP_A=1\n')
    await write(third, 'APP_A=1\n')
    await refresh()
    expect(recorder.layer(1)).toEqual({ A: '1' })
    for (const path of [first, second, first]) {
      await touch(path)
      await refresh()
      expect(allowed()).toEqual([])
    }
    await touch(third)
    await refresh()
    expect(allowed()).toHaveLength(1)
    expect(env(source).removalCommand).toBe(`touch ${files.join(' ')}`)
  })

  it('takes no touch of a file that is not UTF-8 for permission, and asks for none', async () => {
    const [path, other] = ['.env', '.env.local'].map((name) => join(directory, name)) as [string, string]
    let seconds = 1_000
    const whole = 'APP_A=1\nAPP_B=1\n'
    for (const each of [path, other]) await writeFile(each, whole)
    const aliases = { c: 'C' }
    const options = { prefix: 'APP_', aliases, dotenv: [path, other], environment: {}, watch: false }
    const recorder = await record(options)
    const allowed = () =>
      recorder.calls.flatMap((call) =>
        call.type === 'replace' && call.update.allowRemoval !== false ? [call.update.allowRemoval] : [],
      )
    const touch = async (each: string) => {
      await utimes(each, ++seconds, seconds)
      await recorder.connection.refresh(new AbortController().signal)
    }
    const write = async (each: string, content: string | Uint8Array) => {
      await writeFile(each, content)
      await touch(each)
    }
    await write(path, Buffer.from([0xff, 0xfe, 0x41]))
    await touch(path)
    await write(path, whole)
    await touch(path)
    expect(allowed()).toEqual([])
    await write(path, Buffer.from([0xff, 0xfe, 0x41]))
    await write(other, 'APP_A=1\n')
    await touch(other)
    // for the layers of this file alone: those of an alias and of the prefix
    expect(allowed()).toEqual([[2, 3]])
    await write(path, 'APP_A=1\n')
    expect(allowed()).toHaveLength(1)
    await touch(path)
    expect(allowed().slice(1)).toEqual([[0, 1, 2, 3]])
  })

  it('allows the removal of a deleted file beside a cut one by the command it names', async () => {
    const files = ['.env', '.env.local', '.env.none'].map((name) => join(directory, name))
    const [cut, deleted] = files as [string, string, string]
    for (const path of [cut, deleted]) {
      await writeFile(path, 'APP_A=1\nAPP_B=1\n')
      await utimes(path, 1_000, 1_000)
    }
    const options = { prefix: 'APP_', dotenv: files, environment: {}, watch: false }
    const recorder = await record(options)
    const allowed = () => recorder.calls.filter((call) => JSON.stringify(call).includes('"allowRemoval":['))
    const refresh = () => recorder.connection.refresh(new AbortController().signal)
    await writeFile(cut, 'APP_A=1\n')
    await rm(deleted)
    await refresh()
    expect([recorder.layer(0), recorder.layer(1)]).toEqual([{ A: '1' }, {}])
    expect(allowed()).toEqual([])
    execFileSync('sh', ['-c', env(options).removalCommand ?? 'false'])
    await refresh()
    expect(allowed()).toHaveLength(1)
    expect([recorder.layer(0), recorder.layer(1)]).toEqual([{ A: '1' }, {}])
  })
})
