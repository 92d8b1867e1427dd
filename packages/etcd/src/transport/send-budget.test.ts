import { expect, test } from 'vitest'
import { SendBudget } from './send-budget.ts'

const MEBIBYTE = 1024 * 1024

function setUp() {
  const budget = new SendBudget()
  const sent: string[] = []
  const owners = new Map<string, object>()
  const request = (name: string, bytes: number) => {
    const owner = { name }
    owners.set(name, owner)
    budget.request(owner, bytes, () => sent.push(name))
  }
  return { budget, sent, request, settle: (name: string) => budget.settle(owners.get(name)!) }
}

test('SendBudget: large requests wait for their turn, in order; small ones do not', () => {
  const { sent, request, settle } = setUp()
  for (const name of ['a', 'b', 'c', 'd']) request(name, 1.5 * MEBIBYTE)
  request('small', 100)
  expect(sent).toEqual(['a', 'b', 'small'])
  settle('small')
  expect(sent).toEqual(['a', 'b', 'small'])
  settle('b')
  expect(sent).toEqual(['a', 'b', 'small', 'c'])
  settle('a')
  expect(sent).toEqual(['a', 'b', 'small', 'c', 'd'])
})

test('SendBudget: one that is larger than the budget goes alone', () => {
  const { sent, request, settle } = setUp()
  request('a', MEBIBYTE)
  request('huge', 20 * MEBIBYTE)
  request('b', MEBIBYTE)
  expect(sent).toEqual(['a'])
  settle('a')
  expect(sent).toEqual(['a', 'huge'])
  settle('huge')
  expect(sent).toEqual(['a', 'huge', 'b'])
})

test('SendBudget: flush sends all that waits', () => {
  const { budget, sent, request } = setUp()
  for (const name of ['a', 'b', 'c']) request(name, 3 * MEBIBYTE)
  budget.flush()
  expect(sent).toEqual(['a', 'b', 'c'])
})
