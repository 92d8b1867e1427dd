import { expect, test } from 'vitest'
import { rangeAnswer, startFakeServer } from '../../../packages/etcd/src/transport/fake-server.test.kit.ts'
import { runNode } from '../../support/run-node.ts'

const run = async (work: string, endpoint = 'http://127.0.0.1:1') => {
  const { code, output } = await runNode(new URL('./waiting-process.ts', import.meta.url), {
    LIVETREE_TEST_WAITS_FOR: work,
    LIVETREE_TEST_ENDPOINT: endpoint,
  })
  return { code, output: output.trim() }
}

test('a client that does nothing lets the process end', async () => {
  expect(await run('nothing')).toEqual({ code: 0, output: 'nothing' })
})

// between two attempts no socket is open
test.each([
  ['a call', 'connect_failed'],
  ['a watch', 'the end'],
  ['a list-and-watch', 'the end'],
])('%s keeps the process running while etcd cannot be reached', async (work, output) => {
  expect(await run(work)).toEqual({ code: 0, output })
})

// no stream is open meanwhile
test.each([
  ['a watch behind a call that is given up', 1],
  ['a watch at a server that takes no calls for now', 0],
])('%s keeps the process running', async (work, maxConcurrentStreams) => {
  const server = await startFakeServer(
    (call) => {
      if (call.messages[0]?.includes('hangs') || call.name !== 'KV/Range') return
      call.answer(rangeAnswer())
      call.session.settings({ maxConcurrentStreams })
    },
    { settings: { maxConcurrentStreams: 1 } },
  )
  try {
    expect(await run(work, server.endpoint)).toEqual({ code: 0, output: 'the end' })
  } finally {
    await server.close()
  }
})
