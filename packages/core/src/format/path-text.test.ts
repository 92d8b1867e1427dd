import { expect, test } from 'vitest'
import { parsePathText, pathText } from './path-text.ts'

test.each([
  [[], ''],
  [['db', 'pool', 'max'], 'db.pool.max'],
  [['hosts', 0, 'name'], 'hosts.0.name'],
  [['a.b', 'c'], '"a.b".c'],
  [['a', ''], 'a.""'],
  [['', ''], '"".""'],
  [['say "hi"', 'a b', 'c\\d', 'line\n'], '"say \\"hi\\""."a b".c\\d."line\\n"'],
  [['"', '.'], '"\\""."."'],
])('pathText and parsePathText: %j is %j', (path, text) => {
  expect(pathText(path)).toBe(text)
  expect(parsePathText(text)).toEqual(path.map(String))
})

test.each([
  ['a..b', ['a', '', 'b']],
  ['a.', ['a', '']],
  ['"open.b', ['"open', 'b']],
  ['"a"b.c', ['"a"b', 'c']],
])('parsePathText: %j that nobody wrote', (text, path) => {
  expect(parsePathText(text)).toEqual(path)
})
