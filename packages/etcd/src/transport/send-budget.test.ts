import { expect, test } from 'vitest'
import { systemClock } from '../clock.ts'
import { SendBudget } from './send-budget.ts'

const MEBIBYTE = 1024 * 1024

function setUp() {
  const budget = new SendBudget(systemClock)
  const sent: string[] = []
  const owners = new Map<string, object>()
  const request = (name: string, bytes: number) => {
    const owner = { name }
    owners.set(name, owner)
    budget.request(owner, bytes, () => sent.push(name))
  }
  const settle = (name: string) => budget.settle(owners.get(name)!)
  const open = (name: string) => budget.opened(owners.get(name)!)
  const close = (name: string, isAllSent: boolean) => budget.closed(owners.get(name)!, isAllSent)
  return { budget, sent, request, settle, open, close }
}

test('SendBudget: requests beyond it wait for their turn, small ones not for large ones', () => {
  const { sent, request, settle } = setUp()
  for (const name of ['a', 'b', 'c']) request(name, 1.5 * MEBIBYTE)
  request('small', 100)
  expect(sent).toEqual(['a', 'b', 'small'])
  for (let index = 0; index < 40; index += 1) request(`s${index}`, 60_000)
  expect(sent).toContain('s24')
  expect(sent).not.toContain('s26')
  settle('s0')
  expect(sent.at(-1)).toBe('s26')
  settle('b')
  expect(sent.at(-1)).toBe('c')
})

test('SendBudget: what has a stream makes room when that is closed, not when its call has ended', () => {
  const { sent, request, settle, open, close } = setUp()
  for (const name of ['a', 'b', 'c']) request(name, 1.5 * MEBIBYTE)
  open('a')
  settle('a')
  expect(sent).toEqual(['a', 'b'])
  close('a', true)
  expect(sent).toEqual(['a', 'b', 'c'])
})

test('SendBudget: is worn out by what was lost, and sends nothing then', () => {
  const { budget, sent, request, open, close } = setUp()
  // Of each, one piece of 16 KiB is lost.
  const names = Array.from({ length: 101 }, (_, index) => `${index}`)
  for (const name of names) request(name, MEBIBYTE)
  for (const name of names.slice(0, 98)) {
    open(name)
    close(name, name === '0')
  }
  expect(budget.isWornOut).toBe(true)
  expect(sent).toEqual(names.slice(0, 100))
  budget.flush()
  expect(sent).toEqual(names)
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
