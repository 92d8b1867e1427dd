import { getEventListeners } from 'node:events'
import { expect, it, test } from 'vitest'
import { createEtcdClient, type EtcdClient } from './client.ts'
import { onAbort } from './on-abort.ts'
import { closedAfterEach } from './transport/closed-after-each.test.kit.ts'
import { startRawServer } from './transport/fake-server.test.kit.ts'

const CLOSING = closedAfterEach()

/** Everything of a client that waits for a signal, at a server that never answers. */
const WAITING: Readonly<Record<string, (client: EtcdClient, signal: AbortSignal) => unknown>> = {
  'kv.get': ({ kv }, signal) => kv.get('a', { signal }),
  'kv.txn': ({ kv }, signal) => kv.txn().commit({ signal }),
  'kv.nextChange': ({ kv }, signal) => kv.nextChange({ key: 'a', signal }),
  'kv.putWithTtl': ({ kv }, signal) => kv.putWithTtl('a', 'b', { ttlSeconds: 9, signal }),
  'kv.create': ({ kv }, signal) => kv.create('a', 'b', { signal }),
  'kv.iterate': ({ kv }, signal) => kv.iterate({ prefix: 'a', signal }).next(),
  'lease.grant': ({ lease }, signal) => lease.grant({ ttlSeconds: 9, signal }),
  'lease.keepAliveOnce': ({ lease }, signal) => lease.keepAliveOnce(1n, { signal }),
  'watch.subscribe': ({ watch }, signal) =>
    watch.subscribe({ prefix: 'a' }, { onEvents: () => undefined }, { signal }),
  'watch.sync': ({ watch }, signal) =>
    watch.sync({ prefix: 'a' }, { onSnapshot: () => undefined, onEvents: () => undefined }, { signal }),
  'maintenance.moveLeader': ({ maintenance }, signal) => maintenance.moveLeader(1n, { signal }),
  'maintenance.snapshot': ({ maintenance }, signal) => maintenance.snapshot({ signal }).next(),
}

test.each(Object.keys(WAITING))('many calls share one listener of their signal: %s', async (name) => {
  const mute = await startRawServer(() => undefined)
  CLOSING.push(() => mute.close())
  const client = createEtcdClient({ endpoints: mute.endpoint })
  CLOSING.push(() => client.close())
  const stop = new AbortController()
  const waiting = Array.from({ length: 50 }, () => WAITING[name]?.(client, stop.signal))
  const settled = Promise.allSettled(waiting)
  await new Promise(setImmediate)
  // EventTarget compares each new listener with every other one.
  expect(getEventListeners(stop.signal, 'abort')).toHaveLength(1)
  stop.abort(new Error('enough'))
  await settled
  expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0)
})

test('many clients share one listener of the signal that closes them', async () => {
  const mute = await startRawServer(() => undefined)
  CLOSING.push(() => mute.close())
  const stop = new AbortController()
  const clients = Array.from({ length: 20 }, () =>
    createEtcdClient({ endpoints: mute.endpoint, signal: stop.signal }),
  )
  for (const client of clients) CLOSING.push(() => client.close())
  expect(getEventListeners(stop.signal, 'abort')).toHaveLength(1)
})

it('onAbort calls each function once, in order, and not those that were removed', () => {
  const stop = new AbortController()
  const told: string[] = []
  const say = (word: string) => () => {
    told.push(word)
  }
  const twice = say('twice')
  onAbort(stop.signal, say('first'))
  const remove = onAbort(stop.signal, say('removed'))
  onAbort(stop.signal, () => {
    told.push('second')
    removeLast()
  })
  onAbort(stop.signal, twice)
  onAbort(stop.signal, twice)
  const removeLast = onAbort(stop.signal, say('removed meanwhile'))
  remove()
  remove()
  stop.abort()
  stop.signal.dispatchEvent(new Event('abort'))
  expect(told).toEqual(['first', 'second', 'twice', 'twice'])
})

it('onAbort leaves no listener once the last function is removed, and listens again later', () => {
  const stop = new AbortController()
  let count = 0
  const add = () =>
    onAbort(stop.signal, () => {
      count += 1
    })
  const removing = [add(), add()]
  for (const remove of removing) remove()
  expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0)
  add()
  for (const remove of removing) remove()
  stop.abort()
  expect(count).toBe(1)
})
