import { AdminError } from '@livetree/admin'
import { expect, test } from 'vitest'
import { Access } from '../security/access.ts'
import { failureOf } from './failure.ts'

const conflict = (path: string, now: string) => ({
  key: `/config/shop/${path.replace('.', '/')}`,
  path,
  planned: '1',
  now,
  wanted: '2',
  revision: 7,
  by: undefined,
  byText: 'another tool',
  unknown: [],
})

test.each([
  ['everything', undefined, ['here', 'there', 'nowhere']],
  ['a part', ['db'], ['here']],
  ['nothing', [], []],
])('who may see %s is told of the conflicts there, and of no other', (_, read, expected) => {
  const error = new AdminError('conflict', {
    what: 'three keys were changed',
    remedy: '',
    conflicts: [conflict('db.max', 'here'), conflict('other', 'there'), conflict('[', 'nowhere')],
  })
  const access = new Access({ user: 'ana', ...(read !== undefined && { can: { read } }) })
  const text = JSON.stringify(failureOf(error, access).view)
  for (const word of ['here', 'there', 'nowhere'])
    expect(text.includes(`\\"${word}\\"`)).toBe(expected.includes(word))
})
