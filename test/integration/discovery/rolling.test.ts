import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Discovery, Registration } from '@livetree/discovery'
import { request } from 'undici'
import { expect, onTestFinished, test } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { isLongRun } from '../../support/run-length.ts'
import { waitFor } from '../../support/wait-for.ts'
import { discoveryOn } from './discovery-kit.ts'

/** Rounds in which every instance is replaced once. */
const ROUNDS = isLongRun ? 10 : 1
const INSTANCES = 3
const CALLERS = 12

interface Instance {
  readonly server: Server
  readonly registration: Registration
}

oneEtcd('a rolling restart under load', (etcd) => {
  withoutOpenHandles()

  /** Counts how often each request has arrived anywhere. */
  const received = new Map<string, number>()

  async function startInstance(discovery: Discovery): Promise<Instance> {
    const server = createServer((incoming, response) => {
      const id = String(incoming.headers['x-id'])
      received.set(id, (received.get(id) ?? 0) + 1)
      incoming.resume().once('end', () => setTimeout(() => response.end(id), Math.random() * 10))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const registration = await discovery.register({ service: 'orders', server })
    return { server, registration }
  }

  test('F2, F7 fails no request and sends none twice', async () => {
    received.clear()
    const etcdServer = await etcd.start()
    const { discovery } = discoveryOn(etcdServer.endpoint)
    const consumer = discoveryOn(etcdServer.endpoint).discovery
    const instances: Instance[] = []
    for (let index = 0; index < INSTANCES; index += 1) instances.push(await startInstance(discovery))
    const dispatcher = consumer.dispatcher()
    const view = await consumer.openService('orders')
    await waitFor(() => view.status.counts.ready === INSTANCES)

    let isEnding = false
    const failures: unknown[] = []
    const sent: string[] = []
    const call = async (caller: number) => {
      for (let count = 0; !isEnding; count += 1) {
        const id = `${caller}-${count}`
        sent.push(id)
        const isPost = count % 2 === 0
        try {
          const { statusCode, body } = await request('http://orders.service/', {
            dispatcher,
            method: isPost ? 'POST' : 'GET',
            headers: { 'x-id': id },
            ...(isPost ? { body: 'x'.repeat(1_000) } : {}),
          })
          const text = await body.text()
          if (statusCode !== 200 || text !== id) failures.push([id, statusCode, text])
        } catch (error) {
          failures.push(error)
        }
      }
    }
    const callers = Array.from({ length: CALLERS }, (_, caller) => call(caller))

    for (let round = 0; round < ROUNDS; round += 1) {
      for (let index = 0; index < INSTANCES; index += 1) {
        const next = await startInstance(discovery)
        const old = instances[index]
        instances[index] = next
        await old?.registration.shutdown({ propagationMs: 2_000, drainMs: 30_000 })
      }
    }
    isEnding = true
    await Promise.all(callers)
    expect(failures).toEqual([])
    expect(sent.filter((id) => received.get(id) !== 1)).toEqual([])
    expect(sent.length).toBeGreaterThan(ROUNDS * INSTANCES * 50)
    await view.fresh()
    const ports = instances.map(({ server }) => (server.address() as AddressInfo).port)
    expect(view.endpoints.map(({ address }) => Number(address.split(':')[1])).sort()).toEqual(ports.sort())
    expect(view.endpoints.map(({ inFlight }) => inFlight)).toEqual([0, 0, 0])
    for (const { registration } of instances) await registration.shutdown({ propagationMs: 0 })
  })

  test('F3, F5 a crash and the loss of all leases cost no idempotent request', async () => {
    received.clear()
    const etcdServer = await etcd.start()
    const { discovery, client } = discoveryOn(etcdServer.endpoint)
    const consumer = discoveryOn(etcdServer.endpoint).discovery
    const instances: Instance[] = []
    for (let index = 0; index < INSTANCES; index += 1) instances.push(await startInstance(discovery))
    const dispatcher = consumer.dispatcher()
    const view = await consumer.openService('orders')
    await waitFor(() => view.status.counts.ready === INSTANCES)
    let isEnding = false
    let answered = 0
    const failures: unknown[] = []
    const call = async (caller: number) => {
      for (let count = 0; !isEnding; count += 1) {
        const headers = { 'x-id': `${caller}-${count}` }
        await request('http://orders.service/', { dispatcher, headers }).then(
          async ({ statusCode, body }) => {
            await body.dump()
            if (statusCode === 200) answered += 1
            else failures.push(statusCode)
          },
          (error: unknown) => failures.push(error),
        )
      }
    }
    const callers = Array.from({ length: CALLERS }, (_, caller) => call(caller))
    const more = async (count: number) => {
      const until = answered + count
      await waitFor(() => answered > until || failures.length > 0, { timeoutMs: 30_000 })
    }
    await more(200)
    instances[0]?.server.close()
    instances[0]?.server.closeAllConnections()
    await more(500)
    for (const lease of await client.lease.list()) await client.lease.revoke(lease)
    await more(500)
    isEnding = true
    await Promise.all(callers)
    expect(failures).toEqual([])
    await waitFor(() => view.status.counts.ready >= 2, {
      what: 'the living instances to be back',
      timeoutMs: 20_000,
    })
    expect(view.endpoints.every(({ inFlight }) => inFlight === 0)).toBe(true)
  })
})
