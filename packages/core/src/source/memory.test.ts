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

  it.each<[string, () => { at: unknown }, (held: { at: never }) => void]>([
    ['an object in a list', () => ({ at: [{ a: 1 }] }), ({ at }) => Object.assign(at[0]!, { a: 2 })],
    ['a list in a list', () => ({ at: [[1]] }), ({ at }) => (at[0] as number[]).push(2)],
    [
      'an object below an object in a list',
      () => ({ at: [{ a: { b: 1 } }] }),
      ({ at }) => Object.assign((at[0] as { a: object }).a, { b: 2 }),
    ],
    [
      'a map in a list',
      () => ({ at: [new Map([['a', [1]]])] }),
      ({ at }) => (at[0] as Map<string, number[]>).get('a')!.push(2),
    ],
    ['a date', () => ({ at: new Date(0) }), ({ at }) => (at as Date).setTime(1)],
    ['a date in a list', () => ({ at: [new Date(0)] }), ({ at }) => (at[0] as Date).setTime(1)],
    ['a set', () => ({ at: new Set([1]) }), ({ at }) => (at as Set<number>).add(2)],
    [
      'an object in a set',
      () => ({ at: new Set([{ a: 1 }]) }),
      ({ at }) => Object.assign([...(at as Set<object>)][0]!, { a: 2 }),
    ],
    ['bytes', () => ({ at: new Uint8Array([1]) }), ({ at }) => (at as Uint8Array).fill(2)],
    ['a buffer', () => ({ at: Buffer.from([1]) }), ({ at }) => (at as Buffer).fill(2)],
  ])('is not written to through what it was given: %s', (_what, make, mutate) => {
    const given = make()
    const changed = make()
    mutate(changed as { at: never })
    const before = recordSource(memory(make())).layer()
    const after = recordSource(memory(changed)).layer()
    expect(after).not.toEqual(before)
    const source = memory(given)
    const recorder = recordSource(source)
    mutate(given as { at: never })
    expect(recordSource(source).layer()).toEqual(before)
    source.set(given)
    expect(recorder.layer()).toEqual(after)
    const again = make()
    source.replace(again)
    mutate(again as { at: never })
    expect(recordSource(source).layer()).toEqual(before)
    source.set(again)
    expect(recorder.layer()).toEqual(after)
  })

  it.each<[string, object]>([
    ['an empty name', { '': 1 }],
    ['an empty name below', { a: { '': 1 } }],
    ['a name that is an object', new Map([[{}, 1]])],
    ['undefined below an empty name', { '': undefined }],
  ])('refuses %s at the door', (_what, value) => {
    const source = memory({ kept: 1 })
    expect(() => memory(value)).toThrow(/^\[invalid_options\] memory\(\): .*name/)
    expect(() => source.set(value)).toThrow(/^\[invalid_options\] .*set\(\) .*name/)
    expect(() => source.replace(value)).toThrow(/^\[invalid_options\] .*replace\(\) .*name/)
    expect(recordSource(source).layer()).toEqual({ kept: 1 })
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
