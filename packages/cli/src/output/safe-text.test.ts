import { expect, test } from 'vitest'
import { safeJson, safeLines, safeText, shownText } from './safe-text.ts'

const EVIL = 'a\u001b[31mb\u009bc\u0007\u202ed\r\n\u{e0001}'

test('safeText leaves nothing that a terminal acts upon, on one line', () => {
  expect(safeText(EVIL)).toBe('a\\x1b[31mb\\x9bc\\x07\\u{202e}d\\r\\n\\u{e0001}')
  expect(safeText('größer → 🚀')).toBe('größer → 🚀')
})

test('safeLines keeps line breaks and tabs', () => {
  expect(safeLines('a\n\tb\u001b')).toBe('a\n\tb\\x1b')
})

test('safeJson says the same as before', () => {
  const json = safeJson(JSON.stringify({ [EVIL]: EVIL }))
  expect(JSON.parse(json)).toEqual({ [EVIL]: EVIL })
  expect(json).toMatch(/^[\u0020-\u007e]*$/)
})

test('shownText cuts, and shows blanks at the ends', () => {
  expect(shownText('')).toBe('""')
  expect(shownText(' a')).toBe('" a"')
  expect(shownText('x'.repeat(100))).toHaveLength(61)
})
