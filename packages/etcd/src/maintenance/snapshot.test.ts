import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { EtcdError } from '../errors.ts'
import type { CallOptions, Channel, DuplexStream, Method, StreamHandlers } from '../transport/transport.ts'
import { ManualClock } from '../watch/scripted-channel.test.kit.ts'
import { SnapshotResponse } from '../wire/maintenance.ts'
import { createMaintenanceService } from './maintenance-service.ts'

const folder = mkdtempSync(join(tmpdir(), 'livetree-snapshot-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Piece {
  readonly blob: Buffer
  readonly remainingBytes: number
}

/** The pieces of a store of 1,000 bytes, as etcd sends them. */
function pieces(): Piece[] {
  const db = Buffer.from(Array.from({ length: 1_000 }, (_, index) => index % 251))
  const blobs = [db.subarray(0, 400), db.subarray(400, 800), db.subarray(800)]
  const remaining = [600, 200, 0]
  const list = blobs.map((blob, index) => ({ blob, remainingBytes: remaining[index]! }))
  return [...list, { blob: createHash('sha256').update(db).digest(), remainingBytes: 0 }]
}

/** The sum that follows these pieces. */
function wholeOf(list: readonly Piece[]): Piece[] {
  const hash = createHash('sha256')
  for (const { blob } of list) hash.update(blob)
  return [{ blob: hash.digest(), remainingBytes: 0 }]
}

/** Sends the pieces, all in one turn, and ends with the error. */
function setUp(list: readonly Piece[], error?: EtcdError) {
  const clock = new ManualClock()
  const asked: CallOptions[] = []
  const state = { isCancelled: false }
  const channel = {
    stream<Req, Res>(
      _: Method<Req, Res>,
      handlers: StreamHandlers<Res>,
      options: CallOptions = {},
    ): DuplexStream<Req> {
      asked.push(options)
      let isOver = false
      const end = (reason?: EtcdError) => {
        if (isOver) return
        isOver = true
        handlers.onEnd(reason)
      }
      queueMicrotask(() => {
        for (const piece of list)
          handlers.onMessage(SnapshotResponse.decode(SnapshotResponse.encode(piece)) as Res)
        if (error?.code !== 'deadline_exceeded') end(error)
      })
      options.signal?.addEventListener('abort', () => end(new EtcdError('cancelled')))
      return {
        endpoint: 'http://a',
        send: () => undefined,
        end: () => undefined,
        cancel: () => {
          state.isCancelled = true
          queueMicrotask(() => end(new EtcdError('cancelled')))
        },
      }
    },
  } as unknown as Channel
  const path = join(folder, `${Math.random()}.db`)
  return { clock, asked, state, path, service: createMaintenanceService(channel, { clock }) }
}

describe('snapshot', () => {
  it('is saved whole, and only then has its name', async () => {
    const { service, path, clock, asked } = setUp(pieces())
    expect(await service.saveSnapshot(path, { endpoint: 'http://a' })).toEqual({ path, bytes: 1_032 })
    expect(readFileSync(path).length).toBe(1_032)
    expect(readdirSync(folder).filter((name) => name.includes('.part'))).toEqual([])
    expect(clock.pending).toBe(0)
    expect(asked[0]).toMatchObject({ endpoint: 'http://a', requireLeader: false })
  })

  const [first, second, third, sum] = pieces() as [Piece, Piece, Piece, Piece]
  const damaged = { ...second, blob: Buffer.concat([second.blob.subarray(1), Buffer.of(9)]) }
  it.each([
    ['a piece is missing', [first, third, sum], /632 bytes instead of 1032/],
    ['the sum is missing', [first, second, third], /1000 bytes instead of 1032/],
    ['a piece is damaged', [first, damaged, third, sum], /does not match its SHA-256/],
    ['nothing came', [], /does not match its SHA-256/],
  ])('is refused when %s', async (_, list, message) => {
    const { service, path } = setUp(list)
    await expect(service.saveSnapshot(path)).rejects.toThrow(message)
    expect(existsSync(path)).toBe(false)
    expect(readdirSync(folder).filter((name) => name.includes('.part'))).toEqual([])
    const reading = async () => {
      for await (const piece of setUp(list).service.snapshot()) expect(piece.length).toBeGreaterThan(0)
    }
    await expect(reading()).rejects.toMatchObject({ code: 'malformed_message' })
  })

  it('is given up when no piece comes for long', async () => {
    const { service, path, clock, state } = setUp([first], new EtcdError('deadline_exceeded'))
    const saving = service.saveSnapshot(path, { idleTimeoutMs: 500 })
    const failed = expect(saving).rejects.toMatchObject({ code: 'connection_lost' })
    await Promise.resolve()
    clock.advance(500)
    await failed
    expect([state.isCancelled, clock.pending, existsSync(path)]).toEqual([true, 0, false])
  })

  it('what cannot be written ends it, in words of its own', async () => {
    const { service } = setUp(pieces())
    const failed = service.saveSnapshot(join(folder, 'no', 'such', 'folder'))
    await expect(failed).rejects.toThrow(/\[file_failed\].*no\/such\/folder: ENOENT/)
    // A folder has the name: the whole snapshot cannot take it.
    await expect(service.saveSnapshot(folder)).rejects.toMatchObject({
      name: 'EtcdError',
      code: 'file_failed',
    })
    await expect(service.saveSnapshot('a\0b')).rejects.toMatchObject({ code: 'file_failed' })
    expect(readdirSync(dirname(folder)).filter((name) => name.startsWith(`${basename(folder)}.`))).toEqual([])
  })

  it('two that are saved to one path at once leave one of them, whole', async () => {
    const first = setUp(pieces())
    const short = pieces()
      .slice(0, 1)
      .map(({ blob }) => ({ blob, remainingBytes: 0 }))
    const second = setUp([...short, ...wholeOf(short)])
    const [one, two] = await Promise.all([
      first.service.saveSnapshot(first.path),
      second.service.saveSnapshot(first.path),
    ])
    expect([one.bytes, two.bytes]).toEqual([1_032, 432])
    const file = readFileSync(first.path)
    const sum = file.subarray(-32)
    expect(createHash('sha256').update(file.subarray(0, -32)).digest()).toEqual(sum)
    expect(readdirSync(folder).filter((name) => name.includes('.part'))).toEqual([])
  })

  it('two pieces asked for at once both come', async () => {
    const { service } = setUp(pieces())
    const reader = service.snapshot()
    const read = await Promise.all([1, 2, 3, 4, 5].map(() => reader.next()))
    expect(read.map(({ done, value }) => (done ? 'end' : value.length))).toEqual([400, 400, 200, 32, 'end'])
  })

  it('a time limit holds for the whole', async () => {
    const { service, path, asked } = setUp(pieces())
    await service.saveSnapshot(path, { timeoutMs: 700 })
    expect(asked[0]).toMatchObject({ timeoutMs: 700 })
  })

  it('T1.51 a reader that does not keep up gets an error instead of the end', async () => {
    const { service, state } = setUp(pieces())
    const reader = service.snapshot({ maxQueuedBytes: 500 })
    const read = async () => {
      while (!(await reader.next()).done);
    }
    await expect(read()).rejects.toMatchObject({ code: 'slow_consumer' })
    expect(state.isCancelled).toBe(true)
    expect(await reader.next()).toEqual({ done: true, value: undefined })
  })

  it('leaving ends it, also before it began and while a piece is awaited', async () => {
    const idle = setUp(pieces())
    await idle.service.snapshot().return()
    expect(idle.asked.length).toBe(0)
    const { service, clock } = setUp([first], new EtcdError('deadline_exceeded'))
    const reader = service.snapshot()
    await reader.next()
    const pending = reader.next()
    await reader.return()
    expect(await pending).toEqual({ done: true, value: undefined })
    await Promise.resolve()
    expect(clock.pending).toBe(0)
  })
})
