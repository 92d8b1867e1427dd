import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createDiscovery, type Discovery, type DiscoveryOptions } from '@livetree/discovery'
import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import { onTestFinished } from 'vitest'

/** Answers a request of a test's provider. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** An HTTP server that counts what it received. */
export interface Provider extends AsyncDisposable {
  readonly server: Server
  readonly port: number
  readonly address: string
  /** The `x-id` header, or the path, of each request received. */
  readonly received: readonly string[]
}

/** A client and a discovery on it. What a test made is closed when it has finished. */
export function discoveryOn(
  endpoint: string,
  options: Partial<DiscoveryOptions> = {},
): { readonly client: EtcdClient; readonly discovery: Discovery } {
  const client = createEtcdClient({ endpoints: [endpoint] })
  const discovery = createDiscovery({ client, logger: false, ...options })
  onTestFinished(async () => {
    await discovery.close()
    await client.close()
  })
  return { client, discovery }
}

/** Starts a server on loopback that answers with its port. */
export async function startProvider(
  answer: Answer = (_, response) => void response.end('ok'),
): Promise<Provider> {
  const received: string[] = []
  const server = createServer((request, response) => {
    received.push(String(request.headers['x-id'] ?? request.url))
    request.resume()
    response.setHeader('x-port', String(port))
    answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const close = async () => {
    server.closeAllConnections()
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  }
  onTestFinished(close)
  return { server, port, address: `127.0.0.1:${port}`, received, [Symbol.asyncDispose]: close }
}

let services = 0

/** A service of its own with these addresses, each as Go would register it. It is not opened yet. */
export async function serviceAt(
  endpoint: string,
  addresses: readonly (string | readonly [string, object])[],
  options: Partial<DiscoveryOptions> = {},
) {
  services += 1
  const service = `service${services}`
  const { client, discovery } = discoveryOn(endpoint, options)
  for (const [index, each] of addresses.entries()) {
    const [address, metadata] = typeof each === 'string' ? [each, {}] : each
    const Metadata = JSON.stringify({ id: `${index}`, ...metadata })
    await client.kv.put(`services/${service}/${index}`, JSON.stringify({ Op: 0, Addr: address, Metadata }))
  }
  return { client, discovery, service, url: `http://${service}.service` }
}
