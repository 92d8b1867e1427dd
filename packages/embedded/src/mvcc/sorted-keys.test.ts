import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SortedKeys } from './sorted-keys.ts'

function all(keys: SortedKeys): string[] {
  return [...keys.span({ type: 'span', start: '', end: undefined })]
}

test('SortedKeys holds what a sorted list would, over many blocks', () => {
  const edit = fc.record({ key: fc.integer({ min: 0, max: 3000 }), isDelete: fc.boolean() })
  fc.assert(
    fc.property(fc.array(edit, { minLength: 500, maxLength: 4000, size: 'max' }), (edits) => {
      const keys = new SortedKeys()
      const model = new Set<string>()
      for (const { key, isDelete } of edits) {
        const name = String(key).padStart(4, '0')
        if (isDelete && key % 3 === 0) {
          keys.delete(name)
          model.delete(name)
        } else if (!model.has(name)) {
          keys.add(name)
          model.add(name)
        }
      }
      const sorted = [...model].sort()
      expect(all(keys)).toEqual(sorted)
      expect(keys.size).toBe(sorted.length)
      const span = [...keys.span({ type: 'span', start: '0500', end: '1500' })]
      expect(span).toEqual(sorted.filter((key) => key >= '0500' && key < '1500'))
    }),
    { numRuns: 30 },
  )
})

test('SortedKeys.span is empty where no key is', () => {
  const keys = new SortedKeys()
  expect(all(keys)).toEqual([])
  keys.add('b')
  expect([...keys.span({ type: 'span', start: 'c', end: undefined })]).toEqual([])
  expect([...keys.span({ type: 'span', start: 'a', end: 'b' })]).toEqual([])
  keys.delete('b')
  keys.delete('b')
  expect([all(keys), keys.size]).toEqual([[], 0])
})
