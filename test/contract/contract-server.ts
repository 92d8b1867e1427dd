import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KV } from '@livetree/etcd/wire'
import { type EmbeddedEtcd, startEmbeddedEtcd } from '@livetree/embedded'
import { afterAll, beforeAll, describe } from 'vitest'
import { eachRealEtcd } from '../support/each-etcd.ts'
import type { EtcdServer } from '../support/start-etcd.ts'
import type { CallClient } from './call-client.ts'
import { JsonClient } from './json-client.ts'
import { RawClient } from './raw-client.ts'

/** Which server a contract test runs on. */
export type ServerKind = 'memory' | 'durable' | '3.4' | 'current'

/** How a server is to differ from the default one. */
export interface ServerOptions {
  readonly quotaBytes?: number
  readonly progressIntervalMs?: number
}

/** A running server and a client on it. */
export interface ContractServer<Client extends CallClient = RawClient> {
  readonly endpoint: string
  readonly client: Client
  /** Ends it as its operator would. */
  stop(): Promise<void>
}

/** One server of the contract: what the tests of a block run on. */
export interface ServerUnderTest<Client extends CallClient = RawClient> {
  readonly kind: ServerKind
  readonly isEmbedded: boolean
  /** True if calls are made as JSON over HTTP/1.1. */
  readonly isJson: boolean
  /**
   * Whether a stream is answered while its client still sends. Go's HTTP/1.1 server, and so the gateway of etcd, first waits
   * for the end of the request.
   */
  readonly isDuplex: boolean
  /** A server for this block alone, made before its tests and closed after them. */
  use(options?: ServerOptions): () => ContractServer<Client>
}

/** Defines the same tests for embedded in memory and in a file, and for every real etcd of this run. */
export function eachServer(
  name: string,
  define: (server: ServerUnderTest) => void,
  embedded: readonly ('memory' | 'durable')[] = ['memory', 'durable'],
): void {
  defineOn(name, define, embedded, 'grpc', (endpoint) => new RawClient(endpoint))
}

/**
 * As {@link eachServer}, and once more through the JSON gateway of embedded in memory and of every real etcd: for what is
 * about calls and not about how they travel.
 */
export function eachServerAndWay(name: string, define: (server: ServerUnderTest<CallClient>) => void): void {
  defineOn(name, define, ['memory', 'durable'], 'grpc', (endpoint) => new RawClient(endpoint))
  defineOn(
    `${name}, as JSON`,
    define,
    ['memory'],
    'json',
    (endpoint, kind) => new JsonClient(endpoint, kind === '3.4' ? oldHttpStatus : {}),
  )
}

/** HTTP statuses that the gateway of etcd 3.4 has for gRPC's codes, where later ones have others. */
const oldHttpStatus = { 9: 412 }

const defineOn = <Client extends CallClient>(
  name: string,
  define: (server: ServerUnderTest<Client>) => void,
  embedded: readonly ('memory' | 'durable')[],
  way: 'grpc' | 'json',
  connect: (endpoint: string, kind: ServerKind) => Client,
): void => {
  const isJson = way === 'json'
  for (const kind of embedded) {
    describe(`${name} [embedded, ${kind}]`, () => {
      const use = (options?: ServerOptions) =>
        block(
          () => startEmbedded(kind, options),
          (endpoint) => connect(endpoint, kind),
        )
      define({ kind, isEmbedded: true, isJson, isDuplex: true, use })
    })
  }
  eachRealEtcd(name, (etcd) => {
    const start = async (options: ServerOptions = {}): Promise<Started> => {
      const server = await etcd.start({ args: argsOf(options) })
      return { server, stop: () => server.stop(), close: () => server.close() }
    }
    const use = (options?: ServerOptions) =>
      block(
        () => start(options),
        (endpoint) => connect(endpoint, etcd.kind),
      )
    define({ kind: etcd.kind, isEmbedded: false, isJson, isDuplex: !isJson, use })
  })
}

interface Started {
  readonly server: EtcdServer | EmbeddedEtcd
  stop(): Promise<void>
  close(): Promise<void>
}

const argsOf = ({ quotaBytes, progressIntervalMs }: ServerOptions): string[] => [
  ...(quotaBytes === undefined ? [] : [`--quota-backend-bytes=${quotaBytes}`]),
  ...(progressIntervalMs === undefined
    ? []
    : [`--experimental-watch-progress-notify-interval=${progressIntervalMs}ms`]),
]

const startEmbedded = async (kind: 'memory' | 'durable', options: ServerOptions = {}): Promise<Started> => {
  if (kind === 'memory') {
    const server = await startEmbeddedEtcd(options)
    return { server, stop: () => server.close(), close: () => server.close() }
  }
  const folder = mkdtempSync(join(tmpdir(), 'livetree-contract-'))
  const server = await startEmbeddedEtcd({ ...options, dataFile: join(folder, 'etcd.db') })
  const close = async (): Promise<void> => {
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  }
  return { server, stop: () => server.close(), close }
}

const block = <Client extends CallClient>(
  start: () => Promise<Started>,
  connect: (endpoint: string) => Client,
): (() => ContractServer<Client>) => {
  let current: ContractServer<Client> | undefined
  let close = async (): Promise<void> => {}
  beforeAll(async () => {
    const started = await start()
    const { endpoint } = started.server
    const client = connect(endpoint)
    current = { endpoint, client, stop: () => started.stop() }
    close = async () => {
      await client.close()
      await started.close()
    }
  })
  afterAll(() => close())
  return () => {
    if (current === undefined) throw new Error('The server of this block is not started yet')
    return current
  }
}

let freshCount = 0

/** A key, or prefix, that no other test uses. */
export const fresh = (name: string): string => {
  freshCount += 1
  return `${name}-${freshCount}-`
}

/** The end of the range of all keys with this prefix, which must not end in byte 0xff. */
export const prefixEnd = (prefix: string): Buffer => {
  const end = Buffer.from(prefix)
  end[end.length - 1]! += 1
  return end
}

/** Puts and gives the revision. */
export const put = async (client: CallClient, key: string, value: string, lease = 0n): Promise<number> =>
  (await client.call(KV.put, { key, value, lease })).header!.revision

/** The store's revision. */
export const revisionOf = async (client: CallClient): Promise<number> =>
  (await client.call(KV.range, { key: 'a' })).header!.revision

/** The text of a key; undefined when it is not there. */
export const textOf = async (client: CallClient, key: string): Promise<string | undefined> =>
  (await client.call(KV.range, { key })).kvs[0]?.value.toString()
