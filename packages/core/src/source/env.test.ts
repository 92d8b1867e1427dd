import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
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
      { name: 'env', keyPrefix: 'APP_', separator: '__', naming: 'env' },
    ])
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
})
