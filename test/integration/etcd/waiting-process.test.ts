import { expect, test } from 'vitest'
import { runNode } from '../../support/run-node.ts'

const run = async (work: string) => {
  const { code, output } = await runNode(new URL('./waiting-process.ts', import.meta.url), {
    LIVETREE_TEST_WAITS_FOR: work,
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
