import { expect, test } from 'vitest'
import { conflictLines } from './conflict-lines.ts'

test('conflictLines: whoever was first writes no lines and no escapes of their own', () => {
  const by = { author: 'ana\u001b[2J', at: '2026-11-28', message: 'ok\nnothing else changed' }
  const written = { revision: 7, by, byText: `${by.author} at ${by.at}`, unknown: [] }
  const lines = conflictLines([{ key: '/k', path: 'a\nb', planned: '1', now: '2', wanted: '3', ...written }])
  for (const raw of ['\n', '\u001b']) expect(lines.join('')).not.toContain(raw)
  expect(lines[1]).toContain('ok\\nnothing else changed')
})

test('conflictLines: says of a key that is as it was that it was set and removed', () => {
  const byOther = { by: undefined, byText: 'another tool', unknown: [] }
  const moved = { key: '/config/shop/n', path: 'n', wanted: '2', revision: 7, ...byOther }
  expect(conflictLines([{ ...moved, planned: undefined, now: undefined }])).toEqual([
    'n: was set and removed again; this change sets 2',
    '  changed by another tool in revision 7',
    '  /config/shop/n',
  ])
  expect(conflictLines([{ ...moved, planned: '1', now: undefined }])[0]).toBe(
    'n: was 1, is nothing now; this change sets 2',
  )
})

test('conflictLines: says what could not be found out', () => {
  const parts = { key: '/config/shop/n', path: 'n', planned: undefined, now: undefined, wanted: '2' }
  const unread = { revision: undefined, by: undefined, byText: 'somebody (the history could not be read)' }
  expect(conflictLines([{ ...parts, ...unread, unknown: ['planned', 'by'] }])).toEqual([
    'n: was changed, is nothing now; this change sets 2',
    '  changed by somebody (the history could not be read)',
    '  /config/shop/n',
  ])
})
