import { expect, test } from 'vitest'
import { conflictLines } from './conflict-lines.ts'

test('conflictLines: says of a key that is as it was that it was set and removed', () => {
  const moved = { key: '/config/shop/n', path: 'n', wanted: '2', revision: 7, by: undefined }
  expect(conflictLines([{ ...moved, planned: undefined, now: undefined }])).toEqual([
    'n: was set and removed again, this change wanted 2',
    '  changed by another tool in revision 7',
    '  /config/shop/n',
  ])
  expect(conflictLines([{ ...moved, planned: '1', now: undefined }])[0]).toBe(
    'n: was 1, is nothing, this change wanted 2',
  )
})
