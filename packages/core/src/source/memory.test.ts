import { describe, expect, it } from 'vitest'
import { recordSource } from '../testing/record-source.ts'
import { memory } from './memory.ts'

describe('memory', () => {
  it('hands over nested objects leaf by leaf, lists and class instances whole', () => {
    const at = new Date(0)
    const source = memory({ http: { port: 1, hosts: ['a', 'b'] }, at, labels: {} })
    expect(recordSource(source).layer()).toEqual({
      'http/port': 1,
      'http/hosts': ['a', 'b'],
      at,
      labels: {},
    })
  })

  it.each<[string, object, object, Record<string, unknown>]>([
    ['merges', { a: { b: 1, c: 2 } }, { a: { c: 3 } }, { 'a/b': 1, 'a/c': 3 }],
    ['removes a leaf', { a: { b: 1, c: 2 } }, { a: { c: undefined } }, { 'a/b': 1 }],
    ['removes a subtree', { a: { b: 1, c: { d: 2 } }, e: 3 }, { a: undefined }, { e: 3 }],
    ['puts a value in the place of a subtree', { a: { b: 1, c: 2 } }, { a: 'x' }, { a: 'x' }],
    ['puts a subtree in the place of a value', { a: 'x' }, { a: { b: 1 } }, { 'a/b': 1 }],
    ['puts a subtree in the place of an empty object', { a: {} }, { a: { b: 1 } }, { 'a/b': 1 }],
    ['merges an empty object into a subtree', { a: { b: 1 } }, { a: {} }, { 'a/b': 1 }],
    ['keeps names that share a beginning apart', { a: 1, ab: 2 }, { a: { b: 1 } }, { 'a/b': 1, ab: 2 }],
    ['encodes names', {}, { 'a/b': { 'c%': 1 } }, { 'a%2Fb/c%25': 1 }],
  ])('set %s', (_what, initial, patch, expected) => {
    const source = memory(initial)
    const recorder = recordSource(source)
    source.set(patch)
    expect(recorder.layer()).toEqual(expected)
    // what a later reader is given is the same
    expect(recordSource(source).layer()).toEqual(expected)
  })

  it('says nothing when a patch changes nothing', () => {
    const source = memory({ a: 1 })
    const recorder = recordSource(source)
    source.set({ b: undefined })
    expect(recorder.calls).toHaveLength(1)
  })

  it('lets revisions rise, and stops after close', async () => {
    const source = memory({ a: 1 })
    const recorder = recordSource(source)
    source.set({ a: 2 })
    source.replace({ b: 1 })
    await recorder.connection.close()
    source.set({ a: 3 })
    const revisions = recorder.calls.map((call) => 'update' in call && call.update.revision)
    expect(revisions).toEqual([1, 2, 3])
  })

  it('does not let a name reach a prototype', () => {
    const source = memory(
      JSON.parse('{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}'),
    )
    expect(recordSource(source).layer()).toEqual({
      '__proto__/polluted': 1,
      'constructor/prototype/polluted': 1,
    })
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })
})
