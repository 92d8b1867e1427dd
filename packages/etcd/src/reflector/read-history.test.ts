import { expect, it } from 'vitest'
import { EtcdError } from '../errors.ts'
import { type WatchBatch, WatchEvent, type WatchHandlers } from '../watch/watch-handlers.ts'
import { header } from '../watch/watch-recorder.test.kit.ts'
import type { WatchOptions } from '../watch/watch-options.ts'
import { readHistory } from './read-history.ts'

/** A history up to revision 9, by a watch that a test plays. */
function open(after: number, signal = new AbortController().signal) {
  const reached = Promise.withResolvers<void>()
  const told: number[] = []
  let handlers: WatchHandlers | undefined
  let options: WatchOptions | undefined
  let isCancelled = false
  const read = readHistory({
    subscribe: (given, how) => {
      handlers = given
      options = how
      return {
        position: undefined,
        state: 'live',
        reached: () => reached.promise,
        pause() {},
        resume() {},
        cancel: () => {
          isCancelled = true
        },
      }
    },
    after,
    header: header(9),
    signal,
    onBatch: ({ revision }) => told.push(revision),
    onLost: () => undefined,
  })
  const batch = (revision: number, count = 1): WatchBatch => {
    const text = { key: Buffer.from('a'), value: Buffer.from('') }
    const kv = { ...text, modRevision: revision, createRevision: revision, version: 1, lease: 0n }
    const event = new WatchEvent('put', kv, undefined)
    return { revision, header: header(revision), events: Array.from({ length: count }, () => event) }
  }
  return {
    read,
    reached,
    told,
    batch: (revision: number, count?: number) => handlers!.onEvents(batch(revision, count)),
    options: () => options,
    isCancelled: () => isCancelled,
  }
}

it('readHistory: all changes after a revision, up to the list and no further', async () => {
  const { read, reached, told, batch, options, isCancelled } = open(4)
  expect(options()).toMatchObject({ startRevision: 5, clusterId: header(9).clusterId })
  for (const revision of [5, 9, 10]) batch(revision)
  reached.resolve()
  expect(await read).toBeUndefined()
  expect(told).toEqual([5, 9])
  expect(isCancelled()).toBe(true)
})

it('readHistory: asks nothing where the list is no newer', async () => {
  const { read, options } = open(9)
  expect(await read).toBeUndefined()
  expect(options()).toBeUndefined()
})

it.each([
  [7, 7],
  // A server that does not say where it begins.
  [undefined, 9],
])('readHistory: says where a history that is compacted begins (%s)', async (compactRevision, begin) => {
  const { read, reached, isCancelled } = open(4)
  reached.reject(new EtcdError('compacted', { call: 'Watch/Watch', compactRevision }))
  expect(await read).toBe(begin)
  expect(isCancelled()).toBe(true)
})

it('readHistory: keeps no more than 200,000 changes', async () => {
  const { read, told, batch, isCancelled } = open(4)
  batch(5, 200_000)
  batch(6)
  batch(7)
  expect(await read).toBe(9)
  expect(told).toEqual([5])
  expect(isCancelled()).toBe(true)
})

it('readHistory: ends with what the watch ends with, and with its signal', async () => {
  const denied = open(4)
  denied.reached.reject(new EtcdError('permission_denied', { call: 'Watch/Watch' }))
  await expect(denied.read).rejects.toMatchObject({ code: 'permission_denied' })
  const closing = new AbortController()
  const closed = open(4, closing.signal)
  closing.abort(new Error('closing'))
  closed.reached.reject(new EtcdError('cancelled', { call: 'Watch/Watch' }))
  await expect(closed.read).rejects.toThrow('closing')
})
