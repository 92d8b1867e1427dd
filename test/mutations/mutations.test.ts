import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { mutations } from './mutations.ts'

const fromRoot = (path: string) => new URL(`../../${path}`, import.meta.url)

test.each(mutations)('the fault can be put in: $name', ({ file, find, test: noticedBy }) => {
  expect(readFileSync(fromRoot(file), 'utf8').split(find)).toHaveLength(2)
  expect(existsSync(fromRoot(noticedBy))).toBe(true)
})
