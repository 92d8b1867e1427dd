import { registerGrpcResolver } from '@livetree/discovery/grpc'
import { Client, credentials, Server, ServerCredentials } from '@grpc/grpc-js'
import { expect, onTestFinished, test } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'
import { discoveryOn } from './discovery-kit.ts'

const METHOD = '/test.Echo/Name'
const bytes = (value: Buffer) => value

/** A gRPC server that answers with its name. */
async function startServer(name: string): Promise<{ address: string; close(): void }> {
  const server = new Server()
  server.addService(
    {
      name: {
        path: METHOD,
        requestStream: false,
        responseStream: false,
        requestSerialize: bytes,
        requestDeserialize: bytes,
        responseSerialize: bytes,
        responseDeserialize: bytes,
      },
    },
    {
      name: (_: unknown, callback: (error: null, value: Buffer) => void) => callback(null, Buffer.from(name)),
    },
  )
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    )
  })
  onTestFinished(() => server.forceShutdown())
  return { address: `127.0.0.1:${port}`, close: () => server.forceShutdown() }
}

oneEtcd('a client of grpc-js', (etcd) => {
  withoutOpenHandles()

  test('finds services, follows them, goes on without etcd, and gives its view back', async () => {
    const server = await etcd.start()
    const { discovery, client } = discoveryOn(server.endpoint)
    const one = await startServer('one')
    const two = await startServer('two')
    const { address } = one
    const [host = '', port] = address.split(':')
    const registration = await discovery.register({
      service: 'echo',
      protocol: 'grpc',
      advertise: { host, port: Number(port) },
    })
    registerGrpcResolver(discovery, { scheme: `livetree-${etcd.kind.replace('.', '-')}` })
    const grpc = new Client(`livetree-${etcd.kind.replace('.', '-')}:///echo`, credentials.createInsecure())
    onTestFinished(() => grpc.close())
    const call = () =>
      new Promise<string>((resolve, reject) => {
        const deadline = Date.now() + 20_000
        grpc.makeUnaryRequest(METHOD, bytes, bytes, Buffer.alloc(0), { deadline }, (error, value) =>
          error === null ? resolve(String(value)) : reject(error),
        )
      })
    expect(await call()).toBe('one')
    await client.kv.put('services/echo/two', JSON.stringify({ Op: 0, Addr: two.address, Metadata: null }))
    const seen = new Set<string>()
    await waitFor(async () => seen.add(await call()).size === 2, { what: 'both servers to answer' })
    await registration.deregister()
    await waitFor(async () => (await call()) === 'two' && (await call()) === 'two', {
      what: 'the rest to answer',
    })
    await server.stop()
    for (let index = 0; index < 10; index += 1) expect(await call()).toBe('two')
    grpc.close()
    await waitFor(() => client.watch.size <= 1, { what: 'the view to be given back' })
  })
})
