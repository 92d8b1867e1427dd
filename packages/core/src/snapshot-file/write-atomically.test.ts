import { execFileSync } from 'node:child_process'
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { writeAtomically } from './write-atomically.ts'

function openDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'livetree-write-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

const content = Buffer.from('new')

describe('writeAtomically', () => {
  it.each([
    ['a file', (at: string) => writeFileSync(join(at, 'volume', 'real'), 'old')],
    ['a file that does not exist yet', () => {}],
  ])('replaces %s that a chain of links names, and leaves the links', async (_name, make) => {
    const at = openDirectory()
    mkdirSync(join(at, 'volume'))
    make(at)
    symlinkSync(join('volume', 'real'), join(at, 'second'))
    symlinkSync(join(at, 'second'), join(at, 'first'))
    await writeAtomically(join(at, 'first'), content)
    await writeAtomically(join(at, 'first'), content)
    expect(
      lstatSync(join(at, 'first')).isSymbolicLink() && lstatSync(join(at, 'second')).isSymbolicLink(),
    ).toBe(true)
    expect(readFileSync(join(at, 'volume', 'real'), 'utf8')).toBe('new')
    expect(statSync(join(at, 'volume', 'real')).mode & 0o777).toBe(0o600)
    expect(readdirSync(join(at, 'volume'))).toEqual(['real'])
  })

  it.each<[string, (path: string) => unknown]>([
    ['a pipe', (path) => execFileSync('mkfifo', [path])],
    ['a directory', (path) => mkdirSync(path)],
    [
      'a socket',
      async (path) => {
        const server = createServer()
        await new Promise<void>((resolve) => server.listen(path, resolve))
        onTestFinished(() => void server.close())
      },
    ],
  ])('refuses %s and what links to it, and leaves them as they are', async (_name, make) => {
    const at = openDirectory()
    const path = join(at, 'odd')
    await make(path)
    symlinkSync('odd', join(at, 'link'))
    const { ino, mode } = statSync(path)
    for (const name of ['odd', 'link']) {
      await expect(writeAtomically(join(at, name), content)).rejects.toThrow('it is not a regular file')
    }
    expect(statSync(path)).toMatchObject({ ino, mode })
    expect(readdirSync(at).toSorted()).toEqual(['link', 'odd'])
  })

  it('refuses a device', async () => {
    const at = openDirectory()
    symlinkSync('/dev/null', join(at, 'device'))
    await expect(writeAtomically(join(at, 'device'), content)).rejects.toThrow('it is not a regular file')
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true)
  })

  it('fails with the same message each time', async () => {
    const at = openDirectory()
    const path = join(at, 'n'.repeat(250))
    const failures = await Promise.allSettled([1, 2].map(() => writeAtomically(path, content)))
    const [first, second] = failures.map((result) => result.status === 'rejected' && result.reason.message)
    expect(first).toMatch(/ENAMETOOLONG/)
    expect(second).toBe(first)
  })

  it('puts one of several contents in place when writes to a path overlap', async () => {
    const path = join(openDirectory(), 'file')
    await Promise.all(['a', 'b', 'c'].map((text) => writeAtomically(path, Buffer.from(text))))
    expect(readFileSync(path, 'utf8')).toMatch(/^[abc]$/)
  })

  it('refuses a link to itself', async () => {
    const at = openDirectory()
    symlinkSync('loop', join(at, 'loop'))
    await expect(writeAtomically(join(at, 'loop'), content)).rejects.toThrow(/ELOOP|link to itself/)
  })
})
