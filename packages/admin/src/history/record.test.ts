import { expect, test } from 'vitest'
import { RecordKeys } from './record-keys.ts'
import { parseRecord, readRecord, recordedText, recordText, type StoredRecord } from './record.ts'
import { uuidV7 } from './uuid-v7.ts'

const record: StoredRecord = {
  version: 1,
  id: uuidV7(0),
  kind: 'change',
  author: 'ana',
  at: '2026-11-28T10:00:00.000Z',
  name: 'shop',
  layers: ['/config/shop'],
  changes: [{ key: '/config/shop/a', path: 'a', after: { text: '1' } }],
}

test('parseRecord: reads what recordText wrote, and leaves alone what is no record or a newer one', () => {
  expect(parseRecord(recordText(record))).toEqual(record)
  const odd = [
    '',
    'x',
    'null',
    '[]',
    '{}',
    JSON.stringify({ ...record, version: 2 }),
    JSON.stringify({ ...record, changes: [1] }),
  ]
  for (const text of odd) expect(parseRecord(text)).toBeUndefined()
})

test('readRecord: a record in the place of another is damaged', () => {
  expect(readRecord(recordText(record), record.id)).toEqual({ type: 'record', record })
  expect(readRecord(recordText(record), uuidV7(1))).toEqual({ type: 'unreadable' })
})

test('recordedText: leaves out what may be secret, and long texts but for length and hash', () => {
  expect(recordedText('x', false, 7)).toEqual({ text: 'x', revision: 7 })
  expect(recordedText('hunter2', true, 7)).toEqual({ isHidden: true, revision: 7 })
  const long = recordedText('ä'.repeat(40_000), false)
  expect(long).toEqual({ bytes: 80_000, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) })
})

test('uuidV7: has the form of the RFC, and sorts by time', () => {
  const ids = [0, 1, 1_000, Date.now(), 2 ** 47].map(uuidV7)
  for (const id of ids)
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(ids.toSorted()).toEqual(ids)
  expect(uuidV7(5)).not.toBe(uuidV7(5))
})

test('RecordKeys: the range holds the records of a layer, and not those of a layer inside its prefix', () => {
  const keys = new RecordKeys('/.livetree', '/config/shop')
  const own = keys.keyOf(record.id)
  expect(own).toBe(`/.livetree/history/config/shop/${record.id}`)
  const inner = new RecordKeys('/.livetree', '/config/shop/base').keyOf(record.id)
  expect([own, inner].map((key) => key >= keys.range.from && key < keys.range.to)).toEqual([true, false])
  expect(keys.idOf(own)).toBe(record.id)
  expect(keys.idOf(inner)).toBeUndefined()
})
