import { expect, test } from 'vitest'
import { ManualClock } from '../manual-clock.test.kit.ts'
import { Tokens } from './tokens.ts'

test('Tokens: a token ends when it is not used for its time, and use prolongs it', () => {
  const clock = new ManualClock()
  const tokens = new Tokens(clock, 1000)
  const token = tokens.assign('alice', 12)
  expect(token).toMatch(/^[A-Za-z]{16}\.12$/)
  clock.advance(999)
  expect(tokens.userOf(token)).toBe('alice')
  clock.advance(999)
  expect(tokens.userOf(token)).toBe('alice')
  clock.advance(1000)
  expect(tokens.userOf(token)).toBeUndefined()
})

test('Tokens: those of one user, or all, are taken back', () => {
  const tokens = new Tokens(new ManualClock(), 1000)
  const [a, b, c] = [tokens.assign('alice', 1), tokens.assign('bob', 1), tokens.assign('alice', 1)]
  tokens.revokeUser('alice')
  expect([a, b, c].map((token) => tokens.userOf(token))).toEqual([undefined, 'bob', undefined])
  tokens.revokeAll()
  expect(tokens.userOf(b)).toBeUndefined()
})
