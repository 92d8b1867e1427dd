import { describe, expect, it } from 'vitest'
import { KV } from '../wire/rpc.ts'
import { closedAfterEach } from './closed-after-each.test.kit.ts'
import { type FakeCall, rangeAnswer, startFakeServer, testChannel } from './fake-server.test.kit.ts'

const CLOSING = closedAfterEach()
/** 100 kB and some. */
const ANSWER = rangeAnswer('x'.repeat(100_000))

/**
 * Answers by the parts of the frame, each so many milliseconds after the one before, and in pieces of some bytes;
 * undefined stops.
 */
function answerSlowly(
  call: FakeCall,
  parts: readonly (Buffer | undefined)[],
  everyMs: number,
  pieceBytes = 10_000,
): void {
  call.stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  call.stream.on('wantTrailers', () => call.stream.sendTrailers({ 'grpc-status': '0' }))
  const left = [...parts]
  const next = (): void => {
    if (call.stream.destroyed) return
    const part = left.shift()
    if (part === undefined) return
    for (let at = 0; at < part.length; at += pieceBytes) call.stream.write(part.subarray(at, at + pieceBytes))
    if (left.length === 0) call.stream.end()
    else setTimeout(next, everyMs)
  }
  next()
}

function partsOf(bytes: number): Buffer[] {
  const count = Math.ceil(ANSWER.length / bytes)
  return Array.from({ length: count }, (_, index) => ANSWER.subarray(index * bytes, (index + 1) * bytes))
}

/** Members of which the first that is asked answers by the script, and every other one at once. */
async function startMembers(first: (call: FakeCall) => void, isEverySlow = false, count = 3) {
  let asked = 0
  const servers = await Promise.all(
    Array.from({ length: count }, () =>
      startFakeServer((call) => {
        asked += 1
        if (asked === 1 || isEverySlow) first(call)
        else call.answer(ANSWER)
      }),
    ),
  )
  for (const server of servers) CLOSING.push(() => server.close())
  // A read is slow after 300 ms.
  const channel = testChannel(servers.map(({ endpoint }) => endpoint))
  CLOSING.push(() => channel.close())
  const read = (timeoutMs: number, isPatient = false) =>
    channel.unary(KV.range, { key: 'k' }, { retry: 'read', timeoutMs, isPatient })
  return { read, asked: () => asked }
}

describe('a read with several endpoints', () => {
  it.each([
    ['in large parts', partsOf(5_000), undefined],
    ['in single bytes', partsOf(250), 1],
  ])('waits for an answer that arrives steadily, %s', async (_, parts, pieceBytes) => {
    const everyMs = 1_200 / parts.length
    const { read, asked } = await startMembers((call) => answerSlowly(call, parts, everyMs, pieceBytes), true)
    expect((await read(10_000)).kvs[0]?.value).toHaveLength(100_000)
    expect(asked()).toBe(1)
  })

  it.each([
    ['begins and stops', [...partsOf(40_000).slice(0, 2), undefined], 20],
    ['would take longer than the call has', partsOf(10), 20],
    ['comes byte by byte from its frame header on', partsOf(1), 100],
  ])('asks another endpoint for one that %s', async (_, parts, everyMs) => {
    const { read, asked } = await startMembers((call) => answerSlowly(call, parts, everyMs))
    expect((await read(3_000)).kvs[0]?.value).toHaveLength(100_000)
    expect(asked()).toBe(2)
  })

  it.each([1, 3])('waits longer for one that is arriving, if it is patient (%s endpoints)', async (count) => {
    const { read, asked } = await startMembers((call) => answerSlowly(call, partsOf(2_500), 50), true, count)
    expect((await read(500, true)).kvs[0]?.value).toHaveLength(100_000)
    expect(asked()).toBe(1)
    await expect(read(500)).rejects.toMatchObject({ code: 'deadline_exceeded' })
  })

  it.each([
    ['stops', [...partsOf(40_000).slice(0, 2), undefined], 20],
    ['would take hours', partsOf(1), 200],
  ])('gives up one that %s, patient or not', async (_, parts, everyMs) => {
    const { read } = await startMembers((call) => answerSlowly(call, parts, everyMs), true, 1)
    await expect(read(400, true)).rejects.toMatchObject({ code: 'deadline_exceeded' })
  })

  it('says how much of the answer has arrived', async () => {
    const { read } = await startMembers((call) => answerSlowly(call, partsOf(1_000), 100), true, 1)
    await expect(read(1_000)).rejects.toMatchObject({
      code: 'deadline_exceeded',
      message: expect.stringMatching(/only \d+ of the 1000\d\d bytes of the answer within \d000 ms/),
    })
  })
})
