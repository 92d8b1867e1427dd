import { expect, test } from 'vitest'
import { systemClock } from '../clock.ts'
import { CallRoom } from './call-room.ts'

const MEBIBYTE = 1024 * 1024

function start(limit: number) {
  const rests: (() => void)[] = []
  const room = new CallRoom({
    ...systemClock,
    setTimeout: (run, ms) => ms === 500 && rests.push(run),
    clearTimeout: () => undefined,
  })
  room.limit = limit
  const sent: string[] = []
  const owners = new Map<string, object>()
  const ask = (name: string, bytes = 10) => {
    owners.set(name, { name })
    room.request(owners.get(name)!, bytes, { send: () => sent.push(name), fail: () => undefined })
  }
  const giveUp = (name: string) => {
    room.rest(owners.get(name)!, 8_000)
    room.settle(owners.get(name)!)
  }
  return { room, sent, rests, ask, giveUp, obstacleOf: (name: string) => room.obstacleOf(owners.get(name)!) }
}

test('CallRoom: a call waits for calls that run, or for room that was given up if only that is missing', () => {
  const { room, sent, rests, ask, giveUp, obstacleOf } = start(2)
  for (const name of ['a', 'b', 'c', 'd']) ask(name)
  expect([sent, obstacleOf('c')]).toEqual([['a', 'b'], 'calls'])
  giveUp('a')
  expect([sent, room.resting, obstacleOf('c')]).toEqual([['a', 'b'], 1, 'given up'])
  rests.shift()?.()
  return Promise.resolve().then(() => {
    expect([sent, room.resting, obstacleOf('c'), obstacleOf('d')]).toEqual([
      ['a', 'b', 'c'],
      0,
      undefined,
      'calls',
    ])
  })
})

test('CallRoom: large requests wait for bytes on their way, whatever small call was given up', () => {
  const { sent, ask, giveUp, obstacleOf } = start(100)
  for (const name of ['a', 'b', 'c']) ask(name, 1.5 * MEBIBYTE)
  ask('small')
  giveUp('small')
  expect([sent, obstacleOf('c')]).toEqual([['a', 'b', 'small'], 'bytes'])
  giveUp('a')
  expect([sent.length, obstacleOf('c')]).toEqual([3, 'given up'])
})
