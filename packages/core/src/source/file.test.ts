import { utimesSync, writeFileSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, symlink, unlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { recordSource, type SourceRecorder } from '../testing/record-source.ts'
import { env } from './env.ts'
import { type FileOptions, file } from './file.ts'
import { Unreadable } from './source.ts'
import { systemClock } from '../clock.ts'

let directory: string
const open: SourceRecorder[] = []

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'livetree-file-'))
})
afterEach(async () => {
  await Promise.all(open.splice(0).map((recorder) => recorder.connection.close()))
  await rm(directory, { recursive: true })
})

/** Polling is off, so that what is seen is seen by events alone. */
async function record(path: string, options: FileOptions = {}): Promise<SourceRecorder> {
  const recorder = recordSource(file(path, { pollMs: 0, ...options }))
  open.push(recorder)
  await expect.poll(() => recorder.calls).not.toHaveLength(0)
  return recorder
}

const seen = (recorder: SourceRecorder, expected: unknown) =>
  expect.poll(() => recorder.layer()).toEqual(expected)

describe('file', () => {
  it('sees a file written in place, with a rising revision', async () => {
    const path = join(directory, 'a.json')
    await writeFile(path, '{"a": 1}')
    const recorder = await record(path)
    expect(recorder.layer()).toEqual({ a: 1 })
    await writeFile(path, '{"a": 2}')
    await seen(recorder, { a: 2 })
    const revisions = recorder.calls.map((call) => call.type === 'replace' && call.update.revision)
    expect(revisions).toEqual(revisions.toSorted())
    expect(new Set(revisions).size).toBe(revisions.length)
  })

  it('sees an editor that renames a new file over the old one, again and again', async () => {
    const path = join(directory, 'a.yaml')
    await writeFile(path, 'a: 0')
    const recorder = await record(path)
    for (const a of [1, 2, 3]) {
      await writeFile(join(directory, '.a.yaml.swp'), `a: ${a}`)
      await rename(join(directory, '.a.yaml.swp'), path)
      await seen(recorder, { a })
    }
  })

  it('sees a Kubernetes volume swap its linked directory, again and again', async () => {
    const publish = async (name: string, content: string) => {
      await mkdir(join(directory, name))
      await writeFile(join(directory, name, 'a.yaml'), content)
      await symlink(name, join(directory, '..data_tmp'))
      await rename(join(directory, '..data_tmp'), join(directory, '..data'))
    }
    await publish('..one', 'a: 1')
    await symlink('..data/a.yaml', join(directory, 'a.yaml'))
    const recorder = await record(join(directory, 'a.yaml'))
    expect(recorder.layer()).toEqual({ a: 1 })
    await publish('..two', 'a: 2')
    await rm(join(directory, '..one'), { recursive: true })
    await seen(recorder, { a: 2 })
    await publish('..three', 'a: 3')
    await seen(recorder, { a: 3 })
  })

  it('sees a release directory behind a link being swapped', async () => {
    for (const release of ['1', '2']) {
      await mkdir(join(directory, release))
      await writeFile(join(directory, release, 'a.yaml'), `a: ${release}`)
    }
    await symlink('1', join(directory, 'current'))
    const recorder = await record(join(directory, 'current', 'a.yaml'))
    await symlink('2', join(directory, 'next'))
    await rename(join(directory, 'next'), join(directory, 'current'))
    await seen(recorder, { a: 2 })
  })

  it('says nothing when nothing changed', async () => {
    const path = join(directory, 'a.json')
    await writeFile(path, '{"a": 1}')
    const recorder = await record(path)
    await writeFile(path, '{"a": 1}')
    await recorder.connection.refresh(new AbortController().signal)
    expect(recorder.calls).toHaveLength(1)
  })

  it('makes the tree unreadable by a syntax error, and heals', async () => {
    const path = join(directory, 'a.json')
    await writeFile(path, '{"a": 1}')
    const recorder = await record(path)
    await writeFile(path, '{"a": ')
    await seen(recorder, { '': new Unreadable('not valid JSON at line 1, column 7') })
    await writeFile(path, '{"a": 2}')
    await seen(recorder, { a: 2 })
  })

  it('is lost for good without its file, and back with it', async () => {
    const path = join(directory, 'a.json')
    const recorder = await record(path)
    expect(recorder.calls[0]).toMatchObject({ type: 'lost', isFinal: true })
    const { error } = recorder.calls[0] as { error: Error }
    expect(error.message).toBe(
      `[source_unavailable] Cannot read ${path}: there is no such file. Create it, correct the path, or set { optional: true }.`,
    )
    await expect(recorder.connection.refresh(new AbortController().signal)).rejects.toBe(error)
    await writeFile(path, '{"a": 1}')
    await seen(recorder, { a: 1 })
    await unlink(path)
    await expect.poll(() => recorder.calls.at(-1)).toMatchObject({ type: 'lost' })
    expect(recorder.layer()).toEqual({ a: 1 })
    await writeFile(path, '{"a": 1}')
    await expect.poll(() => recorder.calls.at(-1)).toMatchObject({ type: 'replace' })
  })

  it('counts a missing optional file as empty', async () => {
    const path = join(directory, 'a.json')
    const recorder = await record(path, { optional: true })
    expect(recorder.calls).toMatchObject([{ type: 'replace', update: { layers: [[]] } }])
    await writeFile(path, '{"a": 1}')
    await seen(recorder, { a: 1 })
    await unlink(path)
    await seen(recorder, {})
  })

  it('finds a directory that is made later, by polling', async () => {
    const path = join(directory, 'later', 'a.json')
    const recorder = await record(path, { optional: true, pollMs: 20 })
    await mkdir(join(directory, 'later'))
    await writeFile(path, '{"a": 1}')
    await seen(recorder, { a: 1 })
  })

  const put = (path: string, a: number) => writeFile(path, `a: ${a}\n`)
  const remade = async (at: string) => {
    await rm(at, { recursive: true })
    await mkdir(at)
  }
  it.each<[string, (at: string, top: string) => Promise<void>]>([
    ['removed and made again', remade],
    [
      'removed, made again and removed once more',
      async (at) => {
        await remade(at)
        await remade(at)
      },
    ],
    [
      'renamed, and another in its place',
      async (at) => {
        await rename(at, `${at}.old`)
        await mkdir(at)
      },
    ],
    [
      'replaced by a link',
      async (at, top) => {
        await mkdir(join(top, 'linked'))
        await rename(at, `${at}.old`)
        await symlink(join(top, 'linked'), at)
      },
    ],
    [
      'inside another that is renamed',
      async (at, top) => {
        await mkdir(join(top, 'new/g/data'), { recursive: true })
        await rename(join(top, 'g'), join(top, 'old'))
        await rename(join(top, 'new/g'), join(top, 'g'))
        await rename(at, `${at}.x`)
        await rename(`${at}.x`, at)
      },
    ],
  ])('sees what is written to a directory that was %s, by events alone', async (_how, replace) => {
    const at = join(directory, 'g', 'data')
    await mkdir(at, { recursive: true })
    const path = join(at, 'a.yaml')
    await put(path, 1)
    const recorder = await record(path)
    expect(recorder.layer()).toEqual({ a: 1 })
    await replace(at, directory)
    await put(path, 2)
    await seen(recorder, { a: 2 })
    await put(path, 3)
    await seen(recorder, { a: 3 })
  })

  it('sees a directory with the file in it take the place of another far above, by events alone', async () => {
    for (const [name, a] of [
      ['g', 1],
      ['h', 2],
      ['i', 3],
    ] as const) {
      await mkdir(join(directory, name, 'x', 'data'), { recursive: true })
      await put(join(directory, name, 'x', 'data', 'a.yaml'), a)
    }
    const recorder = await record(join(directory, 'g', 'x', 'data', 'a.yaml'))
    for (const [name, a] of [
      ['h', 2],
      ['i', 3],
    ] as const) {
      await rename(join(directory, 'g'), join(directory, `before-${name}`))
      await rename(join(directory, name), join(directory, 'g'))
      await seen(recorder, { a })
    }
  })

  it('sees a directory that is made later, by events alone', async () => {
    const path = join(directory, 'later', 'still', 'a.yaml')
    const recorder = await record(path, { optional: true })
    await mkdir(join(directory, 'later', 'still'), { recursive: true })
    await put(path, 1)
    await seen(recorder, { a: 1 })
  })

  it('takes what stands still, though a program writes it again all the time', async () => {
    const path = join(directory, 'a.json')
    await writeFile(path, '{"a": 1}')
    const recorder = await record(path)
    const writing = setInterval(() => writeFileSync(path, '{"a": 2}'), 40)
    try {
      await seen(recorder, { a: 2 })
    } finally {
      clearInterval(writing)
    }
    const dating = setInterval(() => utimesSync(path, new Date(), new Date()), 40)
    try {
      writeFileSync(path, '{"a": 3}')
      await seen(recorder, { a: 3 })
    } finally {
      clearInterval(dating)
    }
  })

  it.each([true, false])(
    'reports what never stands still, and takes it when it does; at the start: %s',
    async (isStart) => {
      const path = join(directory, 'a.json')
      let count = 0
      const write = () => writeFileSync(path, `{"a": ${++count}}`)
      write()
      const before = isStart ? undefined : await record(path)
      const writing = setInterval(write, 20)
      const recorder = before ?? (await record(path))
      const losses = () => recorder.calls.filter((call) => call.type === 'lost')
      try {
        await expect.poll(losses, { timeout: 20_000 }).toHaveLength(1)
        expect(recorder.layer()).toEqual(isStart ? {} : { a: 1 })
        const [loss] = losses()
        if (loss === undefined) throw new Error('There is no loss.')
        const { error, isFinal } = loss
        expect(error.message).toMatch(/a\.json: it has been written to without a pause for 2 seconds/)
        expect(isFinal).toBe(false)
        await expect(recorder.connection.refresh(new AbortController().signal)).rejects.toThrow(error.message)
      } finally {
        clearInterval(writing)
      }
      await seen(recorder, { a: count })
      await recorder.connection.refresh(new AbortController().signal)
      expect(losses()).toHaveLength(1)
    },
    60_000,
  )

  it('takes any other date for a touch, also an earlier one: the file may be dated by a clock that is ahead', async () => {
    const path = join(directory, 'a.json')
    const date = (seconds: number) => utimes(path, seconds, seconds)
    await writeFile(path, '{"a": 1, "b": 2}')
    await date(1_000)
    const recorder = await record(path, { watch: false })
    const refresh = () => recorder.connection.refresh(new AbortController().signal)
    const allowed = () => recorder.calls.filter((call) => call.type === 'replace' && call.update.allowRemoval)
    await writeFile(path, '{"a": 1}')
    await date(9_000)
    await refresh()
    await refresh()
    expect(recorder.layer()).toEqual({ a: 1 })
    expect(allowed()).toEqual([])
    await date(2_000)
    await refresh()
    expect(allowed()).toHaveLength(1)
    // another file with the same in it, whatever its date, is no touch
    await writeFile(path, '{}')
    await refresh()
    await writeFile(`${path}.new`, '{}')
    await utimes(`${path}.new`, 3_000, 3_000)
    await rename(`${path}.new`, path)
    await refresh()
    expect(allowed()).toHaveLength(1)
  })

  it('takes no touch of a file that cannot be read for permission, then or later', async () => {
    const path = join(directory, 'a.json')
    let seconds = 1_000
    const recorder = await record(path, { watch: false, optional: true })
    const refresh = () => recorder.connection.refresh(new AbortController().signal)
    const allowed = () => recorder.calls.filter((call) => call.type === 'replace' && call.update.allowRemoval)
    const write = async (text: string) => {
      await writeFile(path, text)
      await touch()
    }
    const touch = async () => {
      await utimes(path, ++seconds, seconds)
      await refresh()
    }
    await write('{"a": 1, "b": 2}')
    await write('{"a": 1,')
    await touch()
    // whole again, it has lost nothing that a touch could be for
    await write('{"a": 1, "b": 2}')
    await touch()
    expect(allowed()).toEqual([])
    await write('{"a": 1,')
    await write('{"a": 1}')
    expect(allowed()).toEqual([])
    await touch()
    expect(allowed()).toHaveLength(1)
    await touch()
    expect(allowed()).toHaveLength(1)
  })

  it('names the file that it reads in the command, whatever the directory was when it was made', async () => {
    const before = process.cwd()
    const source = [file('a.json'), env({ prefix: 'A_', dotenv: ['a.env'] })]
    try {
      process.chdir(directory)
      expect(source.map(({ removalCommand }) => removalCommand)).toEqual([
        `touch ${join(process.cwd(), 'a.json')}`,
        `touch ${join(process.cwd(), 'a.env')}`,
      ])
    } finally {
      process.chdir(before)
    }
  })

  it('takes an empty file in the place of a deleted optional one for the permission, and of a required one for nothing', async () => {
    for (const optional of [true, false]) {
      const path = join(directory, `gone-${optional}.json`)
      await writeFile(path, '{"a": 1, "b": 2}')
      const recorder = await record(path, { watch: false, optional })
      const refresh = () => recorder.connection.refresh(new AbortController().signal).catch(() => undefined)
      const allowed = () =>
        recorder.calls.filter((call) => call.type === 'replace' && call.update.allowRemoval)
      await unlink(path)
      await refresh()
      expect(recorder.layer()).toEqual(optional ? {} : { a: 1, b: 2 })
      expect(allowed()).toEqual([])
      await writeFile(path, '')
      await refresh()
      expect(recorder.layer()).toEqual(optional ? {} : { a: 1, b: 2 })
      expect(allowed()).toHaveLength(optional ? 1 : 0)
      expect(recorder.calls.at(-1)?.type).toBe(optional ? 'replace' : 'lost')
      // and a process that starts again reads it
      if (optional) expect((await record(path, { watch: false, optional })).layer()).toEqual({})
    }
  })

  it('does not look again with watch: false, except by refresh', async () => {
    const path = join(directory, 'a.json')
    await writeFile(path, '{"a": 1}')
    const age = () => utimes(path, 1, 1)
    await age()
    const timers: number[] = []
    const clock = {
      ...systemClock,
      setTimeout(run: () => void, ms: number) {
        timers.push(ms)
        return setTimeout(run, 0)
      },
    }
    const recorder = recordSource(file(path, { watch: false, pollMs: 1 }), { clock })
    open.push(recorder)
    await recorder.connection.refresh(new AbortController().signal)
    expect(recorder.layer()).toEqual({ a: 1 })
    await writeFile(path, '{"a": 2}')
    await age()
    // old enough to need no waiting at the start for who might still write to it
    expect(timers).toEqual([])
    await recorder.connection.refresh(new AbortController().signal)
    expect(recorder.layer()).toEqual({ a: 2 })
    // this once, until it had stood still
    expect(timers).toEqual([250])
  })

  it.each([
    ['an hour behind', -3_600_001],
    ['a second behind', -1_000],
    ['a second ahead', 1_000],
  ])('waits until a file stands still, also where it is dated by a clock %s', async (_what, skewMs) => {
    const path = join(directory, 'a.yaml')
    const write = async (text: string) => {
      await writeFile(path, text)
      const at = new Date(Date.now() + skewMs)
      await utimes(path, at, at)
    }
    const timers: (() => void)[] = []
    const clock = { ...systemClock, setTimeout: (run: () => void) => timers.push(run) }
    const next = async () => {
      await expect.poll(() => timers.length, { interval: 1 }).toBeGreaterThan(0)
      timers.shift()!()
    }
    await writeFile(path, 'limit: 15000')
    await utimes(path, 1, 1)
    const recorder = recordSource(file(path, { watch: false }), { clock })
    open.push(recorder)
    await recorder.connection.refresh(new AbortController().signal)
    await write('limit: 15')
    const read = recorder.connection.refresh(new AbortController().signal)
    await expect.poll(() => timers.length, { interval: 1 }).toBeGreaterThan(0)
    await write('limit: 15001')
    await next()
    await next()
    await read
    const limits = recorder.calls.map((call) => call.type === 'replace' && call.update.layers[0]![0]!.value)
    expect(limits.map(String)).toEqual(['15000', '15001'])
  })

  it('is a configuration error without a format', () => {
    expect(() => file('config.ini')).toThrow('[invalid_options] Cannot tell the format of config.ini')
    expect(file('config.conf', { format: 'json' }).name).toBe('file:config.conf')
  })
})
