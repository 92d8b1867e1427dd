import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { countOpenHandles, expectNoMoreHandlesThan } from './open-handles.ts'
import { resetSocket } from './reset-socket.ts'

test.each([
  ['open', () => undefined],
  ['shutting down', (socket: Socket) => void socket.end()],
])('a reset of a socket that is %s leaves no handle open', async (_, prepare) => {
  const before = countOpenHandles()
  const server = createServer({ allowHalfOpen: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'connection')
  const client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' })
  client.on('error', () => undefined)
  const [socket] = await accepted
  const closed = once(socket, 'close')
  prepare(socket)
  resetSocket(socket)
  await closed
  client.destroy()
  server.close()
  await expectNoMoreHandlesThan(before)
  expect(socket.destroyed).toBe(true)
})
