import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
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
})
