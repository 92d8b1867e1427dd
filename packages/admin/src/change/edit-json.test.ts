import { describe, expect, test } from 'vitest'
import { editJson, isJsonContainer, partOfJson } from './edit-json.ts'

describe('editJson', () => {
  test.each([
    ['a value, and nothing else', '{ "a" : 1 ,\n "b": [ 2 ] }', ['a'], '5', '{ "a" : 5 ,\n "b": [ 2 ] }'],
    [
      'a value deep inside',
      '{"a":{"b":[1,{"c":"x"}]}}',
      ['a', 'b', '1', 'c'],
      'null',
      '{"a":{"b":[1,{"c":null}]}}',
    ],
    ['the whole', ' [1] ', [], '2', ' 2 '],
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
    expect(editJson(text, path, json)).toBe(expected)
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
    expect(editJson(text, path, undefined)).toBe(expected)
    expect(JSON.parse(expected)).toBeDefined()
  })

  test.each([
    ['through a scalar', '{"a":1}', ['a', 'b']],
    ['beyond the end of a list', '[1]', ['2']],
    ['at a name of a list', '[1]', ['x']],
  ])('writes nothing %s', (_what, text, path) => {
    expect(editJson(text, path, '1')).toBeUndefined()
  })

  test('takes time in proportion to the text', () => {
    const text = `{${Array.from({ length: 50_000 }, (_, index) => `"n${index}":{"a":[${index}]}`).join(',')}}`
    expect(partOfJson(text, ['n49999', 'a', '0'])).toBe('49999')
  })
})

test('isJsonContainer: is true for objects and lists only', () => {
  expect([' {}', '[1]'].map(isJsonContainer)).toEqual([true, true])
  expect(['"{}"', '1', '{a}', '{', '', 'null'].map(isJsonContainer)).toEqual(Array(6).fill(false))
})
