import { parse } from 'dotenv'
import { expect, test } from 'vitest'
import { dotenvLine, parseDotenv } from './dotenv.ts'
import { parseYaml } from './parse-yaml.ts'
import { jsonOf, plainValue, treeOf } from './plain-tree.ts'
import { untypedText, untypedTree } from './untyped-text.ts'

test.each(['', 'x', '1', 'true', 'null', '"1"', '{}', '[1]', ' 1', '1.50', '{"a":', 'ä\n'])(
  'untypedText: the text %j is read as the same text',
  (text) => {
    expect(plainValue(untypedTree(untypedText(treeOf(text))))).toBe(text)
  },
)

test.each([0, -1.5, 1e21, true, false, null, [], [1, 'a', null], {}])(
  'untypedText: %j is read as itself',
  (value) => {
    expect(plainValue(untypedTree(untypedText(treeOf(value))))).toEqual(value)
  },
)

test('treeOf: keeps the digits of a bigint, and refuses what no tree can hold with its place', () => {
  expect(jsonOf(treeOf({ a: [2n ** 64n, null], b: undefined }))).toBe('{"a":[18446744073709551616,null]}')
  for (const bad of [
    Number.NaN,
    undefined,
    Number.NEGATIVE_INFINITY,
    new Date(0),
    new Map(),
    () => 1,
    Symbol('s'),
  ])
    expect(() => treeOf({ a: [0, bad] }, ['top']), String(bad)).toThrow(/\[unwritable_value\] "top\.a\.1"/)
})

test('parseYaml: keeps the digits of numbers, and refuses what no tree can hold', () => {
  const [tree] = parseYaml('big: 123456789012345678901\nshort: 1.50\nhex: 0x10\ntext: "1"\n"": x')
  expect(tree === undefined ? '' : jsonOf(tree)).toBe(
    '{"big":123456789012345678901,"short":1.50,"hex":16,"text":"1","":"x"}',
  )
  for (const bad of [
    'a: .nan',
    'a: .inf',
    '? [1]\n: 2',
    'a: 1\na: 2',
    'a: *b',
    '\t- x',
    '%YAML 1.1\n---\na: 017',
  ])
    expect(() => parseYaml(bad), bad).toThrow(/\[unreadable\]/)
  expect(() => parseYaml('[[[['.repeat(100))).toThrow(/\[unreadable\]/)
})

test.each([
  ['0x1FFFFFFFFFFFFFFFFF', '590295810358705651711'],
  ['0o7777777777777777777777777', '37778931862957161709567'],
  ['!!int 0x1FFFFFFFFFFFFFFFFF', '590295810358705651711'],
  ['0x10', '16'],
  ['-0', '-0'],
  ['+12', '12'],
  ['1e400', '1e400'],
])('parseYaml: %s is the number %s', (written, digits) => {
  expect(parseYaml(`a: [${written}]\n${written}: b`).map((tree) => jsonOf(tree))).toEqual([
    `{"a":[${digits}],${JSON.stringify(written.replace('!!int ', ''))}:"b"}`,
  ])
})

test.each([
  ['!!omap [ b: 1, c: 2 ]', /not a plain object or list/],
  ['!!omap [ { b: 1 } ]', /not a plain object or list/],
  ['!!pairs [ b: 1, b: 2 ]', /not a plain object or list/],
  ['!!set { x, y }', /not a plain object or list/],
  ['!!binary aGVsbG8=', /neither text, a finite number/],
  ['.nan', /neither text, a finite number/],
  ['-.inf', /neither text, a finite number/],
])('parseYaml: what no tree can hold is refused with its place: %s', (written, why) => {
  for (const text of [`x: 1\na: { b: [0, ${written}] }`, `x: &x [${written}]\na: { b: *x }`]) {
    expect(() => parseYaml(text), text).toThrow(why)
    expect(() => parseYaml(text), text).toThrow(
      text.includes('&x') ? /"x\.0" \(line 1\)/ : /"a\.b\.1" \(line 2\)/,
    )
  }
})

test.each([
  [
    'the anchor before it, of several of one name',
    'a: &x 1\nb: *x\nc: &x 2\nd: *x',
    '{"a":1,"b":1,"c":2,"d":2}',
  ],
  [
    'the anchor as it was where it stands, also inside what another alias repeats',
    'a: &x 1\nb: &y [*x]\nc: &x 2\nd: *y\ne: *x',
    '{"a":1,"b":[1],"c":2,"d":[1],"e":2}',
  ],
  [
    'an anchor that stands inside what was repeated meanwhile',
    'a: &y {in: &x 1}\nb: &x 2\nc: *y\nd: *x',
    '{"a":{"in":1},"b":2,"c":{"in":1},"d":2}',
  ],
  ['the name of a part', '&k a: 1\nb: *k', '{"a":1,"b":"a"}'],
])('parseYaml: an alias stands for %s', (_what, text, expected) => {
  const [tree] = parseYaml(text)
  expect(tree === undefined ? '' : jsonOf(tree)).toBe(expected)
})

test.each([
  ['a: 1\nb: 2\na: 3', 'it gives a name twice in one object (line 3)'],
  ['a: {1: x, "1": y}', 'it gives a name twice in one object (line 1)'],
  ['a: 1\nb: *c', 'it has an alias without an anchor (line 2)'],
  ['a: *b\nb: &b 1', 'it has an alias without an anchor (line 1)'],
  ['a: &a [*a]', 'it has more than 200000 parts, or is nested more than 100 levels deep'],
])('parseYaml: says of %j that %s', (text, words) => {
  expect(() => parseYaml(text)).toThrow(words)
})

test.each(['x', '', ' x ', 'a\nb', "it's", 'a"b', `a'b"c`, 'a#b', '$HOME', 'a\\nb', 'a\r\nb', '`', 'ä'])(
  'dotenvLine: the text %j is read as the same, or refused',
  (text) => {
    const line = dotenvLine('NAME', text)
    expect(parseDotenv(line)).toEqual([['NAME', text]])
  },
)

test('dotenvLine: refuses a text that no quotes hold', () => {
  expect(() => dotenvLine('NAME', ` '"\`#`)).toThrow(/\[unwritable_value\]/)
})

test.each([
  'A=1\n\n\nB=2',
  '\n \n export A = x # c\r\nB: "a\n\nb"\n# C=1\nD',
  "A='x\n\n=y'\nA=2\n=x\nB=`1`",
  'A=\n\nB=',
  'A= # c\nB="x" y\n  C.d-e=1',
])('parseDotenv: %j is what dotenv reads', (text) => {
  expect(Object.fromEntries(parseDotenv(text))).toEqual(parse(text))
})

test('parseDotenv: as many blank lines as a text may have take no longer than their number', () => {
  // By the square of their number, this takes hours.
  expect(parseDotenv(`${'\n'.repeat(4_000_000)}A=1`)).toEqual([['A', '1']])
})
