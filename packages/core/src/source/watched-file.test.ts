import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../clock.ts'
import { silentLogger } from '../logger.ts'
import type { FileContent } from './read-file.ts'
import { WatchedFile } from './watched-file.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'livetree-watched-'))
})
afterEach(() => rm(directory, { recursive: true }))

const wordsOf = (content: FileContent) =>
  content.type === 'bytes' ? content.bytes.toString() : `${content.type}: ${content.error.message}`

describe('WatchedFile', () => {
  it('hands on that a content cannot be taken in, without its words, and tries it again', async () => {
    const path = join(directory, 'a')
    await writeFile(path, 'one')
    await utimes(path, 1e9, 1e9)
    const taken: string[] = []
    let thrown: unknown
    const watched = new WatchedFile(path, {
      clock: systemClock,
      logger: silentLogger,
      watch: false,
      pollMs: 0,
      async onContent(content) {
        taken.push(wordsOf(content))
        if (content.type === 'bytes' && thrown !== undefined) throw thrown
      },
    })
    await watched.refresh()
    thrown = new RangeError('Invalid string length')
    await writeFile(path, 'two')
    await watched.refresh()
    await watched.refresh()
    const range = 'failed: its content cannot be taken in: Invalid string length.'
    expect(taken).toEqual(['one', 'two', range, 'two'])
    thrown = new Error('hunter2')
    await writeFile(path, 'three')
    await watched.refresh()
    expect(taken.at(-1)).toBe('three')
    thrown = undefined
    await watched.refresh()
    await watched.refresh()
    expect(taken).toEqual(['one', 'two', range, 'two', 'three', 'three'])
    await watched.close()
  })

  it('hands it on for the first content too', async () => {
    const path = join(directory, 'a')
    await writeFile(path, 'one')
    const taken: string[] = []
    const watched = new WatchedFile(path, {
      clock: systemClock,
      logger: silentLogger,
      watch: false,
      pollMs: 0,
      onContent(content) {
        taken.push(wordsOf(content))
        if (content.type === 'bytes') throw new Error('hunter2')
      },
    })
    await watched.refresh()
    expect(taken).toEqual(['one', 'failed: its content cannot be taken in: an unexpected error.'])
    await watched.close()
  })

  describe('a touch', () => {
    const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
    /** Other dates than before, whatever the file system takes for one moment. */
    const STEP_MS = 30

    async function start(path = join(directory, 'a')) {
      await writeFile(path, 'one')
      await utimes(path, 1e9, 1e9)
      const calls: string[] = []
      const watched = new WatchedFile(path, {
        clock: systemClock,
        logger: silentLogger,
        watch: false,
        pollMs: 0,
        onContent: (content) => void calls.push(wordsOf(content)),
        onTouched: () => void calls.push('touched'),
      })
      await watched.refresh()
      expect(calls).toEqual(['one'])
      return { path, calls, watched }
    }
    const touch = (path: string) => execFileSync('touch', [path])

    it.each<[string, (path: string) => Promise<unknown>]>([
      ['touched', async (path) => touch(path)],
      ['written anew with the same', (path) => writeFile(path, 'one')],
    ])('is told to all processes where a file is %s, whoever reads it first', async (_how, change) => {
      const { path, calls, watched } = await start()
      const other = await start(path)
      for (const told of [
        ['one', 'touched'],
        ['one', 'touched', 'touched'],
      ]) {
        await pause(STEP_MS)
        await change(path)
        // A reader moves the date of the last access.
        await readFile(path)
        await watched.refresh()
        await pause(STEP_MS)
        await other.watched.refresh()
        expect([calls, other.calls]).toEqual([told, told])
      }
      await watched.close()
      await other.watched.close()
    })

    it('is none where another file with the same takes its place, even under its number', async () => {
      const { path, calls, watched } = await start()
      for (let round = 0; round < 3; round++) {
        await pause(STEP_MS)
        await rm(path)
        await writeFile(path, 'one')
        await watched.refresh()
        await pause(STEP_MS)
        await writeFile(`${path}.new`, 'one')
        await rename(`${path}.new`, path)
        await watched.refresh()
      }
      expect(calls).toEqual(['one'])
      await watched.close()
    })

    it('is no change, and a change of as many bytes is no touch', async () => {
      const { path, calls, watched } = await start()
      await writeFile(path, 'two')
      await utimes(path, 1e9, 1e9)
      await watched.refresh()
      expect(calls).toEqual(['one', 'two'])
      await utimes(path, 2e9, 2e9)
      await watched.refresh()
      expect(calls).toEqual(['one', 'two', 'touched'])
      await watched.close()
    })
  })
})
