import { expect, it } from 'vitest'
import { EtcdError } from '../errors.ts'
import { put, setUp } from './watch-recorder.test.kit.ts'

const tooLarge = () => new EtcdError('response_too_large')

it('a backlog that is too large for one answer is asked for in pieces', () => {
  const { watch, created, events, channel, clock, lastCreate } = setUp()
  const { told, changes } = watch({ prefix: 'a' }, { startRevision: 5 })
  created(50)
  expect(lastCreate()?.fragment).toBe(false)
  channel.lastStream.end(tooLarge())
  clock.advance(1_000)
  expect(lastCreate()?.fragment).toBe(true)
  created(50)
  events(50, [put('a1', 5)], { fragment: true })
  events(50, [put('a2', 6)])
  expect(changes).toEqual(['5: +a1', '6: +a2'])
  expect(told.some((word) => word.startsWith('end'))).toBe(false)
})

it('a change that is too large for the client ends its own watch by name, and no other', () => {
  const { watch, created, progress, channel, clock, lastCreate } = setUp()
  const watches = ['a', 'b', 'c'].map((prefix) => watch({ prefix }, { startRevision: 5 }))
  const spoilt = 'b'
  const answered = new Set<unknown>()
  for (let turn = 0; turn < 400; turn += 1) {
    const { lastStream } = channel
    const create = lastCreate()
    if (!lastStream.isOver && create !== undefined && !answered.has(create)) {
      answered.add(create)
      created(50, lastStream.creates.length)
      // The server has taken the watch on, and breaks the stream by what it sends for it.
      if (create.filters.length === 0 && String(create.key) === spoilt) lastStream.end(tooLarge())
      else progress(50)
    }
    clock.advance(20)
  }
  expect(watches.map(({ told }) => told.filter((word) => word.startsWith('end')))).toEqual([
    [],
    ['end response_too_large'],
    [],
  ])
  expect(watches.map(({ watcher }) => watcher.state)).toEqual(['live', 'ended', 'live'])
})
