import { describe, expect, test } from 'vitest'
import { JsonDocument } from './json-document.ts'

/** The text after one edit; undefined where the document has no place for it. */
function edited(text: string, names: readonly string[], json: string | undefined): string | undefined {
  const document = JsonDocument.of(text)
  if (json === undefined) document?.remove(names)
  else if (document?.put(names, json) === false) return undefined
  return document?.text
}

describe('JsonDocument', () => {
  test.each([
    ['a value, and nothing else', '{ "a" : 1 ,\n "b": [ 2 ] }', ['a'], '5', '{ "a" : 5 ,\n "b": [ 2 ] }'],
    [
      'a value deep inside',
      '{"a":{"b":[1,{"c":"x"}]}}',
      ['a', 'b', '1', 'c'],
      'null',
      '{"a":{"b":[1,{"c":null}]}}',
    ],
    ['a new name', '{"a":1}', ['b'], '2', '{"a":1,"b":2}'],
    ['a new name in an empty object', '{ }', ['b'], '2', '{ "b":2}'],
    [
      'a new name with objects that are missing',
      '{"a":1}',
      ['b', 'c', 'd'],
      '2',
      '{"a":1,"b":{"c":{"d":2}}}',
    ],
    ['an item at the end', '[1]', ['1'], '2', '[1,2]'],
    [
      'the digits of other numbers',
      '{"big":123456789012345678901,"a":1.0}',
      ['a'],
      '2',
      '{"big":123456789012345678901,"a":2}',
    ],
    [
      'a name with quotes and brackets in it',
      '{"x\\"}]":{"y":"[{,"}}',
      ['x"}]', 'y'],
      '1',
      '{"x\\"}]":{"y":1}}',
    ],
    ['a name that JSON escapes', '{"\\u0061":1}', ['a'], '2', '{"\\u0061":2}'],
    ['__proto__, which is a name like any other', '{}', ['__proto__'], '1', '{"__proto__":1}'],
  ])('writes %s', (_what, text, path, json, expected) => {
    expect(edited(text, path, json)).toBe(expected)
    expect(JSON.parse(expected)).toBeDefined()
  })

  test.each([
    ['the first', '{"a":1, "b":2}', ['a'], '{"b":2}'],
    ['one in the middle', '{"a":1, "b":2 , "c":3}', ['b'], '{"a":1, "c":3}'],
    ['the last', '{"a":1 , "b":2}', ['b'], '{"a":1 }'],
    ['the only one', '{ "a":1 }', ['a'], '{  }'],
    ['an item', '[1,2,3]', ['1'], '[1,3]'],
    ['one that is not there', '{"a":1}', ['b'], '{"a":1}'],
  ])('removes %s', (_what, text, path, expected) => {
    expect(edited(text, path, undefined)).toBe(expected)
    expect(JSON.parse(expected)).toBeDefined()
  })

  test.each([
    ['through a scalar', '{"a":1}', ['a', 'b']],
    ['beyond the end of a list', '[1]', ['2']],
    ['at a name of a list', '[1]', ['x']],
  ])('writes nothing %s', (_what, text, path) => {
    expect(edited(text, path, '1')).toBeUndefined()
  })

  test('removes every entry of a name that is given twice: the earlier one would count else', () => {
    expect(edited('{"a":1, "b":2, "a":3}', ['a'], undefined)).toBe('{"b":2}')
    expect(edited('{"a":1, "a":3}', ['a'], '4')).toBe('{"a":1, "a":4}')
  })

  test('takes many edits, one after the other', () => {
    const document = JsonDocument.of(' { "a": [ 1, 2, 3 ], "b": {"c": 1} }\n')
    for (const names of [
      ['a', '0'],
      ['a', '1'],
      ['b', 'c'],
    ])
      document?.remove(names)
    document?.put(['a', '1'], '4')
    document?.put(['b', 'd', 'e'], '5')
    document?.put(['b', 'd', 'f'], '6')
    document?.put(['g'], '7')
    expect(document?.put(['a', '3'], '8')).toBe(false)
    expect(document?.text).toBe(' { "a": [ 2, 4], "b": {"d":{"e":5,"f":6}},"g":7 }\n')
    expect(document?.partAt(['a', '1'])).toBe('4')
  })

  test('prunes what was not put, also inside what was entered, and leaves lists', () => {
    const document = JsonDocument.of('{"a":{"x":1, "y":2}, "b":1, "c":[{"z":1}], "d":{"e":1}, "b":2, "f":1}')
    document?.put(['a', 'y'], '3')
    document?.put(['b'], '4')
    document?.put(['c', '0', 'z'], '5')
    document?.enter(['d'])
    document?.prune()
    expect(document?.text).toBe('{"a":{"y":3}, "c":[{"z":5}], "d":{}, "b":4}')
  })
})

test('JsonDocument.of: takes objects and lists only', () => {
  expect([' {}', '[1]'].map((text) => JsonDocument.of(text)?.text)).toEqual([' {}', '[1]'])
  expect(['"{}"', '1', '{a}', '{', '', 'null'].map(JsonDocument.of)).toEqual(Array(6).fill(undefined))
})
