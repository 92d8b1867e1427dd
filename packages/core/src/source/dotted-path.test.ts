import { mkdir, mkdtemp, readFile, realpath, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { writeAtomically } from '../snapshot-file/write-atomically.ts'
import { resolveLoadOptions } from '../startup/load-options.ts'
import { recordSource, type SourceRecorder } from '../testing/record-source.ts'
import { absolutePath } from './absolute-path.ts'
import { env } from './env.ts'
import { file } from './file.ts'
import { linkTrail } from './link-trail.ts'
import { memory } from './memory.ts'

let top: string
const before = process.cwd()
const open: SourceRecorder[] = []

/** `current/../shared` is `releases/shared` to the kernel, and `shared` to who goes by the letters. */
beforeEach(async () => {
  top = await realpath(await mkdtemp(join(tmpdir(), 'livetree-dotted-')))
  for (const path of ['releases/42', 'releases/shared', 'other/42', 'other/shared', 'shared'])
    await mkdir(join(top, path), { recursive: true })
  await symlink('releases/42', join(top, 'current'))
  await put('releases/shared', 'kernel')
  await put('other/shared', 'other')
  await put('shared', 'letters')
})
afterEach(async () => {
  process.chdir(before)
  await Promise.all(open.splice(0).map((recorder) => recorder.connection.close()))
  await rm(top, { recursive: true })
})

/** Dated long ago, so that nobody waits for who may still be writing. */
async function put(directory: string, value: string): Promise<void> {
  for (const [name, text] of [
    ['c.yaml', `a: ${value}`],
    ['c.env', `X_A=${value}`],
  ] as const) {
    const path = join(top, directory, name)
    await writeFile(path, text)
    await utimes(path, 1e9, 1e9)
  }
}

const PLACES: readonly (readonly [string, (name: string) => string])[] = [
  ['an absolute path', (name) => `${top}/current/../shared/${name}`],
  ['a relative path', (name) => `current/../shared/${name}`],
  ['a path that begins with a dot', (name) => `././current/.././shared/${name}`],
  ['a path that goes up twice', (name) => `${top}/current/../../current/../shared/${name}`],
  ['a path with doubled slashes', (name) => `${top}//current//..//shared//${name}`],
]

describe('a path with .. behind a symbolic link', () => {
  it.each(PLACES)('leads where the kernel goes: %s', async (_, pathOf) => {
    process.chdir(top)
    const sources = [
      file(pathOf('c.yaml'), { pollMs: 0 }),
      env({ prefix: 'X_', environment: {}, dotenv: [pathOf('c.env')] }),
    ]
    for (const source of sources) {
      const recorder = recordSource(source)
      open.push(recorder)
      await expect.poll(() => recorder.calls).not.toHaveLength(0)
      expect(JSON.stringify(recorder.calls)).toContain('kernel')
      const path = source.removalCommand?.replace('touch ', '') ?? ''
      expect(await readFile(path, 'utf8')).toContain('kernel')
      expect(path).toMatch(/^\//)
    }
  })

  it('is watched at the names that it leads over', async () => {
    const recorder = recordSource(file(`${top}/current/../shared/c.yaml`, { pollMs: 0 }))
    open.push(recorder)
    const seen = (a: string) => expect.poll(() => recorder.layer()).toEqual({ a })
    await seen('kernel')
    await writeFile(join(top, 'releases/shared/c.yaml'), 'a: written')
    await seen('written')
    await symlink('other/42', join(top, 'next'))
    await rename(join(top, 'next'), join(top, 'current'))
    await seen('other')
    await writeFile(join(top, 'other/shared/c.yaml'), 'a: again')
    await seen('again')
  })

  it('has no step in a directory that it does not pass', async () => {
    const steps = await linkTrail(`${top}/current/../shared/c.yaml`)
    const own = steps.filter(({ directory }) => directory.startsWith(top))
    expect(own.map(({ directory, name }) => `${directory}/${name}`)).toEqual([
      `${top}/current`,
      `${top}/releases`,
      `${top}/releases/42`,
      `${top}/releases/shared`,
      `${top}/releases/shared/c.yaml`,
    ])
  })

  it('is where the snapshot is written, also where a link leads there', async () => {
    process.chdir(top)
    const path = resolveLoadOptions(
      { sources: [memory({})], snapshot: { path: 'current/../shared/s.snap' } },
      { sources: undefined, keys: undefined },
    ).snapshot?.path
    await writeAtomically(path ?? '', Buffer.from('one'))
    expect(await readFile(join(top, 'releases/shared/s.snap'), 'utf8')).toBe('one')

    await symlink('current/../shared/target.snap', join(top, 'linked.snap'))
    await writeAtomically(join(top, 'linked.snap'), Buffer.from('two'))
    expect(await readFile(join(top, 'releases/shared/target.snap'), 'utf8')).toBe('two')
  })
})

it.each([
  ['a', '/x', '/x/a'],
  ['./a', '/x', '/x/a'],
  ['.//./a', '/', '/a'],
  ['../a', '/x', '/x/../a'],
  ['.a', '/x', '/x/.a'],
  ['..', '/x', '/x/..'],
  ['/b/../a/', '/x', '/b/../a/'],
])('absolutePath keeps what %s from %s leads over', (path, base, expected) => {
  expect(absolutePath(path, base)).toBe(expected)
})
