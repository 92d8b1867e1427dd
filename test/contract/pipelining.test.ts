import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedEtcd } from '@livetree/embedded'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { eachEtcd } from '../support/each-etcd.ts'
import { withoutOpenHandles } from '../support/open-handles.ts'
import { waitFor } from '../support/wait-for.ts'
import { ask } from './http-client.ts'

withoutOpenHandles()

const base64 = (text: string): string => Buffer.from(text).toString('base64')

const requestOf = (path: string, body: unknown): string => {
  const text = JSON.stringify(body)
  return `POST /v3/${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${text.length}\r\n\r\n${text}`
}

const put = (key: string, value = '1'): string =>
  requestOf('kv/put', { key: base64(key), value: base64(value) })

const range = (key: string): string => requestOf('kv/range', { key: base64(key) })

/** A connection that sends requests without waiting for answers. */
class Pipeline {
  text = ''
  readonly #socket

  constructor(endpoint: string, requests: readonly string[]) {
    const { hostname, port } = new URL(endpoint)
    this.#socket = connect(Number(port), hostname)
    this.#socket.on('error', () => {})
    this.#socket.write(requests.join(''))
    onTestFinished(() => this.leave())
  }

  read(): this {
    this.#socket.on('data', (chunk) => {
      this.text += chunk.toString('latin1')
    })
    return this
  }

  end(): void {
    this.#socket.end()
  }

  leave(): void {
    this.#socket.destroy()
  }

  get statuses(): string[] {
    return [...this.text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status = '']) => status)
  }

  get values(): string[] {
    return [...this.text.matchAll(/"value":\s?"([^"]*)"/g)].map(([, value = '']) =>
      Buffer.from(value, 'base64').toString(),
    )
  }
}

const call = async (endpoint: string, path: string, body: unknown): Promise<Record<string, unknown>> =>
  JSON.parse((await ask(endpoint, { path: `/v3/${path}`, body: JSON.stringify(body) })).body)

const countOf = async (endpoint: string, key: string, end = `${key}\0`): Promise<number> =>
  Number((await call(endpoint, 'kv/range', { key: base64(key), range_end: base64(end) }))['count'] ?? 0)

const inTurn = Array.from({ length: 60 }, (_, turn) => String(turn))

eachEtcd('Requests one behind the other on a connection, on', (etcd) => {
  const start = async (): Promise<string> => (await etcd.emptied()).endpoint

  const waiting = async (endpoint: string) => {
    const { key } = await call(endpoint, 'lock/lock', { name: base64('held') })
    const pipeline = new Pipeline(endpoint, [requestOf('lock/lock', { name: base64('held') }), put('late')])
    await waitFor(async () => (await countOf(endpoint, 'held/', 'held0')) === 2)
    return { key, pipeline: pipeline.read() }
  }

  test('wait for a lock before them', async () => {
    const endpoint = await start()
    const { key, pipeline } = await waiting(endpoint)
    expect(await countOf(endpoint, 'late')).toBe(0)
    await call(endpoint, 'lock/unlock', { key })
    await waitFor(() => pipeline.statuses.length === 2)
    expect(pipeline.statuses).toEqual(['200', '200'])
    expect(await countOf(endpoint, 'late')).toBe(1)
  })

  test.each(['end', 'leave'] as const)('are dropped with the lock before them: %s', async (how) => {
    const endpoint = await start()
    const { pipeline } = await waiting(endpoint)
    pipeline[how]()
    await waitFor(async () => (await countOf(endpoint, 'held/', 'held0')) === 1)
    expect(await countOf(endpoint, 'late')).toBe(0)
  })

  test.each([
    ['watch', { create_request: { key: base64('watched') } }, 'watched'],
    ['election/observe', { name: base64('vote') }, 'vote/1'],
  ])('wait for a stream before them: %s', async (path, body, key) => {
    const endpoint = await start()
    const pipeline = new Pipeline(endpoint, [requestOf(path, body), put('late')]).read()
    await waitFor(async () => {
      await call(endpoint, 'kv/put', { key: base64(key), value: base64('seen') })
      return pipeline.text.includes(base64('seen'))
    })
    expect(await countOf(endpoint, 'late')).toBe(0)
  })

  test('see what those before them have written', async () => {
    const endpoint = await start()
    const requests = inTurn.flatMap((value) => [put('turn', value), range('turn')])
    const pipeline = new Pipeline(endpoint, requests).read()
    await waitFor(() => pipeline.statuses.length === requests.length)
    expect(pipeline.values).toEqual(inTurn)
  })

  test('wait until the response before them is read', async () => {
    const endpoint = await start()
    await call(endpoint, 'kv/put', { key: base64('big'), value: base64('x'.repeat(1_000_000)) })
    const requests = [...inTurn.slice(0, 12).map(() => range('big')), put('late')]
    const pipeline = new Pipeline(endpoint, requests)
    // They have come when later ones of another connection are answered.
    for (let turn = 0; turn < 10; turn += 1) expect(await countOf(endpoint, 'late')).toBe(0)
    pipeline.read()
    await waitFor(() => pipeline.statuses.length === requests.length)
    expect(await countOf(endpoint, 'late')).toBe(1)
  })

  test('are refused in their turn if they are not HTTP', async () => {
    const endpoint = await start()
    const { key, pipeline } = await waiting(endpoint)
    pipeline.leave()
    const mixed = new Pipeline(endpoint, [put('first'), put('second'), 'nonsense\r\n\r\n']).read()
    await waitFor(() => mixed.statuses.length === 3)
    expect(mixed.statuses).toEqual(['200', '200', '400'])
    await call(endpoint, 'lock/unlock', { key })
  })
})

describe('Requests one behind the other on a connection of embedded', () => {
  const folder = mkdtempSync(join(tmpdir(), 'livetree-pipelining-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  const start = async () => {
    const server = await startEmbeddedEtcd({ dataFile: join(folder, `${Math.random()}.db`) })
    onTestFinished(() => server.close())
    return server
  }

  test('see what those before them have written to the data file', async () => {
    const { endpoint } = await start()
    const requests = inTurn.flatMap((value) => [put('turn', value), range('turn')])
    const pipeline = new Pipeline(endpoint, [...requests, 'nonsense\r\n\r\n']).read()
    await waitFor(() => pipeline.statuses.length > requests.length)
    expect(pipeline.values).toEqual(inTurn)
    expect(pipeline.statuses.slice(-2)).toEqual(['200', '400'])
  })

  test('are dropped when it closes', async () => {
    const server = await start()
    const observe = requestOf('election/observe', { name: base64('vote') })
    const pipeline = new Pipeline(server.endpoint, [observe, requestOf('watch', {}), put('late')]).read()
    await waitFor(async () => {
      await call(server.endpoint, 'kv/put', { key: base64('vote/1') })
      return pipeline.statuses.length === 1
    })
    await server.close()
    await waitFor(() => pipeline.text.includes('server stopped'))
    expect(pipeline.statuses).toEqual(['200'])
  })
})
