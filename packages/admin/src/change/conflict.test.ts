import { expect, test } from 'vitest'
import { conflictOf, describeConflict, type FoundRecord } from './conflict.ts'

const PARTS = { key: '/config/shop/n', path: 'n', isHidden: false, isPlannedKnown: true, removedAt: 7 }
const MOVED = { ...PARTS, planned: undefined, now: undefined, wanted: '2' }

test.each<[string, readonly FoundRecord[] | undefined, string]>([
  ['the author of the record that tells of the key', [removalBy('ana')], 'ana at 2026-11-28T10:00:00.000Z'],
  ['another tool where no record does', [], 'another tool'],
  ['nobody where the history cannot be read', undefined, 'somebody (the history could not be read)'],
])('conflictOf: byText names %s, and describeConflict has it', (_name, records, expected) => {
  const conflict = conflictOf(MOVED, records)
  expect(conflict.byText).toBe(expected)
  expect(describeConflict(conflict)).toBe(
    `n: set, and removed again by ${expected}, revision 7; this change sets "2" (/config/shop/n)`,
  )
})

function removalBy(author: string): FoundRecord {
  return {
    record: {
      version: 1,
      id: '0193723d-0000-7000-8000-000000000000',
      kind: 'change',
      author,
      at: '2026-11-28T10:00:00.000Z',
      name: 'shop',
      layers: ['/config/shop/'],
      changes: [{ key: PARTS.key, path: PARTS.path, before: { text: '1' } }],
    },
    revision: 7,
  }
}
