import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { findConfig } from './find-config.ts'
import { loadDefinitions } from './load-definitions.ts'

let top: string

beforeEach(() => {
  top = realpathSync(mkdtempSync(join(tmpdir(), 'livetree-find-')))
  for (const path of ['releases/42', 'releases/shared', 'shared'])
    mkdirSync(join(top, path), { recursive: true })
  symlinkSync('releases/42', join(top, 'current'))
  for (const path of ['releases/shared', 'shared']) writeFileSync(join(top, path, 'a.config.mjs'), '')
})
afterEach(() => rmSync(top, { recursive: true }))

it.each([
  ['current/../shared/a.config.mjs', undefined],
  ['./current/../shared/a.config.mjs#one', 'one'],
])('findConfig goes where the kernel goes: %s', (given, exportName) => {
  const expected = { file: join(top, 'releases/shared/a.config.mjs'), exportName }
  expect(findConfig(given, top)).toEqual(expected)
  expect(findConfig(`${top}/${given}`, '/')).toEqual(expected)
})

it.each([
  ['weird', 'throw { toString() { throw 1 } }', 'cannot be imported'],
  ['bare', 'throw Object.create(null)', 'cannot be imported'],
  [
    'trap',
    'throw new Proxy({}, { get() { throw new Error("trap") }, getPrototypeOf() { throw 1 } })',
    'cannot be imported',
  ],
  ['getter', 'export default { get name() { throw new Error("getter") } }', 'exports no definition'],
  ['proxy', 'export default new Proxy({}, { get() { throw new Error("trap") } })', 'exports no definition'],
])('loadDefinitions names the file that throws or exports something odd: %s', async (name, text, why) => {
  const file = join(top, `${name}.config.mjs`)
  writeFileSync(file, text)
  const loading = loadDefinitions({ file, exportName: undefined })
  await expect(loading).rejects.toMatchObject({
    exitCode: 64,
    message: expect.stringContaining(`${name}.config.mjs ${why}`),
  })
})

it('loadDefinitions finds a definition by each of its names, and lists it once', async () => {
  const file = join(top, 'two.config.mjs')
  const made = `const d = { name: 'shop', compiled: {}, load() {} }`
  writeFileSync(file, `${made}\nexport const one = d\nexport const two = d\nexport default d`)
  const namesOf = async (exportName: string | undefined) =>
    (await loadDefinitions({ file, exportName })).map((each) => each.exportName)
  expect(await namesOf(undefined)).toEqual(['one'])
  for (const name of ['one', 'two', 'default']) expect(await namesOf(name)).toEqual([name])
  expect(await namesOf('shop')).toEqual(['one'])
  await expect(namesOf('three')).rejects.toThrow(/exports no definition "three"/)
})
