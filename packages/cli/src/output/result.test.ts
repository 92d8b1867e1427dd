import { expect, test } from 'vitest'
import { resultText } from './result.ts'

test.each(['json', 'yaml', 'table'] as const)(
  'what is in the form %s already keeps its numbers as they are written',
  async (format) => {
    const text = '{\n  "id": 9007199254740993,\n  "rate": 1e400\n}\n'
    const result = { data: undefined, text: () => text, isExact: true, isFormatted: true }
    expect(await resultText(result, format, false)).toBe(text)
  },
)

test('JSON has no characters that terminals act upon, whoever wrote it', async () => {
  const result = { data: undefined, text: () => '{"a":"\u202e"}\n', isFormatted: true }
  expect(await resultText(result, 'json', false)).toBe('{"a":"\\u202e"}\n')
  expect(await resultText({ ...result, data: { a: '\u202e' }, isFormatted: false }, 'json', false)).toBe(
    '{\n  "a": "\\u202e"\n}\n',
  )
})
