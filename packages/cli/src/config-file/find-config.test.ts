import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { findConfig } from './find-config.ts'

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
