import { expect, test } from 'vitest'
import { systemClock } from '../clock.ts'
import { RoomPause } from './room-pause.ts'

function start() {
  const timers: { readonly run: () => void; readonly ms: number }[] = []
  const cleared: unknown[] = []
  const told: string[] = []
  const clock = {
    ...systemClock,
    setTimeout: (run: () => void, ms: number) => timers.push({ run, ms }),
    clearTimeout: (timer: unknown) => void cleared.push(timer),
  }
  const queue = { pause: () => void told.push('pause'), resume: () => void told.push('resume') }
  return { pause: new RoomPause(clock, [queue]), timers, cleared, told }
}

test('RoomPause: lasts a quarter of the wait, half a second at most, however many calls are given up meanwhile', () => {
  const { pause, timers, told } = start()
  pause.begin(8_000)
  pause.begin(10_000)
  expect([pause.isOn, told, timers.map(({ ms }) => ms)]).toEqual([true, ['pause'], [500]])
  timers[0]?.run()
  expect([pause.isOn, told]).toEqual([false, ['pause', 'resume']])
  pause.begin(400)
  expect([told.length, timers[1]?.ms]).toEqual([3, 100])
})

test('RoomPause: a connection that has ended leaves no timer', () => {
  const { pause, cleared } = start()
  pause.begin(8_000)
  pause.stop()
  pause.begin(8_000)
  expect([cleared, pause.isOn]).toEqual([[1], false])
})
