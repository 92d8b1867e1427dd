import { execFileSync } from 'node:child_process'
import { mkdtemp, open, readFile, rm, utimes, writeFile } from 'node:fs/promises'
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

    async function start(watch: boolean) {
      const path = join(directory, 'a')
      await writeFile(path, 'one')
      await utimes(path, 1e9, 1e9)
      const calls: string[] = []
      const watched = new WatchedFile(path, {
        clock: systemClock,
        logger: silentLogger,
        watch,
        pollMs: 0,
        onContent: (content) => void calls.push(wordsOf(content)),
        onTouched: () => void calls.push('touched'),
      })
      await watched.refresh()
      expect(calls).toEqual(['one'])
      return { path, calls, watched }
    }
    const touch = (path: string) => execFileSync('touch', [path])

    it.each<[string, (path: string) => Promise<void>]>([
      ['written anew', (path) => writeFile(path, 'one')],
      [
        'copied over',
        (path) => writeFile(`${path}.2`, 'one').then(() => void execFileSync('cp', [`${path}.2`, path])),
      ],
      [
        'written without being emptied',
        async (path) => {
          const handle = await open(path, 'r+')
          await handle.write('one', 0)
          await handle.close()
        },
      ],
    ])(
      'is none where the same is %s in place, and one where a person touches it then',
      async (_how, write) => {
        const { path, calls, watched } = await start(false)
        for (let round = 0; round < 3; round++) {
          await pause(STEP_MS)
          await write(path)
          await watched.refresh()
          expect(calls).toEqual(['one'])
        }
        await pause(STEP_MS)
        touch(path)
        await watched.refresh()
        await watched.refresh()
        expect(calls).toEqual(['one', 'touched'])
        await watched.close()
      },
    )

    it('is seen where another process reads the file right after it', async () => {
      const { path, calls, watched } = await start(true)
      // whoever reads it first may be first here too, on a busy machine: then it is touched once more
      while (!calls.includes('touched')) {
        await pause(STEP_MS)
        touch(path)
        // a reader changes the date of the last access
        await pause(STEP_MS)
        await readFile(path)
        await pause(10 * STEP_MS)
      }
      expect(calls).toEqual(['one', 'touched'])
      await watched.close()
    })

    it('is no change, and a change of as many bytes is no touch', async () => {
      const { path, calls, watched } = await start(false)
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
