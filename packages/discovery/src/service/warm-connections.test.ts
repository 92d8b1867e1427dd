import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Dispatcher } from 'undici'
import { expect, onTestFinished, test } from 'vitest'
import { resolvePolicy } from '../balance/policy.ts'
import { systemClock } from '../clock.ts'
import { plainRecord } from '../record/endpoint-record.ts'
import { Member } from '../view/member.ts'
import { EndpointPools } from './pools.ts'

async function startServer(): Promise<{ server: Server; address: string; connections: () => number }> {
  let connections = 0
  const server = createServer((_, response) => void response.end('ok'))
  server.on('connection', () => {
    connections += 1
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { server, address: `127.0.0.1:${port}`, connections: () => connections }
}

function poolsOf(): EndpointPools {
  const reports = { info: () => undefined, warn: () => undefined }
  return new EndpointPools({
    service: 'orders',
    createPool: undefined,
    tls: undefined,
    clock: systemClock,
    reports,
  })
}

function memberAt(address: string): Member {
  const record = plainRecord('one', address)
  return new Member({ key: 'one', record, createRevision: 1, modRevision: 1, lease: 0n }, 0)
}

async function get(pool: Dispatcher, origin: string): Promise<number> {
  const { statusCode, body } = await pool.request({ origin, path: '/', method: 'GET' })
  await body.dump()
  return statusCode
}

const settled = async (condition: () => boolean) => {
  await expect.poll(condition, { timeout: 10_000 }).toBe(true)
}

test('warmConnections opens that many with the pool, and requests use them', async () => {
  const { address, connections } = await startServer()
  const pools = poolsOf()
  const policy = resolvePolicy('test', { warmConnections: 3 })
  const { pool, origin } = pools.get(memberAt(address), 'http', policy)
  await settled(() => connections() === 3)
  expect(await Promise.all([1, 2, 3].map(() => get(pool, origin)))).toEqual([200, 200, 200])
  expect(connections()).toBe(3)
  await pools.close()
})

test('opens none by default, and no more than the pool may have', async () => {
  const { address, connections } = await startServer()
  const pools = poolsOf()
  pools.get(memberAt(address), 'http', resolvePolicy('test'))
  const other = await startServer()
  const policy = resolvePolicy('test', { warmConnections: 5, connections: 2 })
  pools.get(memberAt(other.address), 'http', policy)
  await settled(() => other.connections() === 2)
  expect(connections()).toBe(0)
  await pools.close()
})

test('a connection that is cut before its use is replaced, and those that are left over are closed', async () => {
  const { server, address, connections } = await startServer()
  const pools = poolsOf()
  const policy = resolvePolicy('test', { warmConnections: 2, keepAliveMaxTimeoutMs: 60_000 })
  const { pool, origin } = pools.get(memberAt(address), 'http', policy)
  await settled(() => connections() === 2)
  server.closeAllConnections()
  // The client may learn of it after it has sent a request on one of them.
  const answers: unknown[] = []
  for (let index = 0; index < 3; index += 1) answers.push(await get(pool, origin).catch(() => 'cut'))
  expect(answers.at(-1)).toBe(200)
  await pools.close()
  const another = poolsOf()
  const opened = another.get(memberAt(address), 'http', policy)
  await settled(() => connections() >= 5)
  expect(opened.origin).toBe(origin)
  await another.close()
  const left = async (): Promise<number> =>
    new Promise((resolve) => server.getConnections((_, count) => resolve(count)))
  await expect.poll(left, { timeout: 10_000 }).toBe(0)
})

test('a server that is not there costs no more than the request', async () => {
  const { server, address } = await startServer()
  server.close()
  const pools = poolsOf()
  const policy = resolvePolicy('test', { warmConnections: 2 })
  const { pool, origin } = pools.get(memberAt(address), 'http', policy)
  await expect(get(pool, origin)).rejects.toThrow('ECONNREFUSED')
  await pools.close()
})
