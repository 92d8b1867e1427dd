import { expect, it } from 'vitest'
import { UnorderedProgress } from './unordered-progress.ts'

it('a claim is proven by quiet, the newest that has settled first', () => {
  const progress = new UnorderedProgress(1_000)
  expect(progress.claim({ revision: 5, at: 0 })).toBeUndefined()
  expect(progress.claim({ revision: 6, at: 600 })).toBeUndefined()
  expect(progress.claim({ revision: 6, at: 1_200 })).toEqual({ revision: 5, at: 0 })
  expect(progress.claim({ revision: 6, at: 1_800 })).toEqual({ revision: 6, at: 600 })
})

it('a change at or above its revision proves a claim, however often changes come', () => {
  const progress = new UnorderedProgress(1_000)
  for (let at = 0; at < 60_000; at += 500) {
    const revision = 10 + at / 500
    progress.claim({ revision, at })
    expect(progress.change(revision + 1, at + 250)).toEqual({ revision, at })
  }
})

it('a change that a claim had left behind makes it settle anew, and it is proven all the same', () => {
  const progress = new UnorderedProgress(1_000)
  progress.claim({ revision: 20, at: 0 })
  expect(progress.change(15, 900)).toBeUndefined()
  expect(progress.claim({ revision: 20, at: 1_100 })).toBeUndefined()
  expect(progress.claim({ revision: 20, at: 1_900 })).toEqual({ revision: 20, at: 0 })
})

it('a backlog that never ends lets claims through as far as it has come', () => {
  const progress = new UnorderedProgress(1_000)
  let proven = 0
  for (let at = 0; at < 20_000; at += 100) {
    progress.claim({ revision: 1_000 + at, at })
    proven = progress.change(at, at + 50)?.revision ?? proven
  }
  expect(proven).toBeGreaterThan(18_000)
})

it('a clock that was put back makes old claims worthless', () => {
  const progress = new UnorderedProgress(1_000)
  progress.claim({ revision: 5, at: 3_600_000 })
  expect(progress.claim({ revision: 6, at: 0 })).toBeUndefined()
  expect(progress.claim({ revision: 7, at: 1_000 })).toEqual({ revision: 6, at: 0 })
})
