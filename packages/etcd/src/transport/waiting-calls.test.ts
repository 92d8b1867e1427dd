import { expect, test } from 'vitest'
import { systemClock } from '../clock.ts'
import { WaitingCalls } from './waiting-calls.ts'

test('WaitingCalls: one timer keeps the process running for as long as any call waits', () => {
  const timers: { isRef: boolean; isCleared: boolean; run(): void }[] = []
  const clock = {
    ...systemClock,
    setTimeout(run: () => void) {
      const ref = () => {
        timer.isRef = true
      }
      const timer = { isRef: false, isCleared: false, run, ref }
      timers.push(timer)
      return timer
    },
    clearTimeout(timer: unknown) {
      Object.assign(timer as object, { isCleared: true })
    },
  }
  const running = () => timers.map(({ isRef, isCleared }) => isRef && !isCleared)
  const waiting = new WaitingCalls<string>(clock)
  const [a, b] = [{}, {}]
  expect(waiting.delete(a)).toBe(false)
  waiting.add(a, 'a')
  waiting.add(b, 'b')
  expect([[...waiting].map(([, call]) => call), running()]).toEqual([['a', 'b'], [true]])
  timers[0]?.run()
  expect(waiting.delete(a)).toBe(true)
  expect([waiting.size, running().at(-1)]).toEqual([1, true])
  expect(waiting.delete(b)).toBe(true)
  expect([waiting.size, running().at(-1)]).toEqual([0, false])
  waiting.add(b, 'b')
  expect(running().at(-1)).toBe(true)
})
