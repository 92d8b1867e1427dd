import { expect, onTestFinished, test } from 'vitest'
import { clientEtcds } from '../../support/each-etcd.ts'
import { freePorts } from '../../support/free-ports.ts'
import { isLongRun } from '../../support/run-length.ts'
import { runNode } from '../../support/run-node.ts'
import { startProxy } from '../../support/start-proxy.ts'

clientEtcds('a client that is closed', (etcd) => {
  test('leaves no socket and no timer behind, whatever it was about, and lets the process end', async () => {
    const server = await etcd.start()
    const [nobody] = await freePorts(1)
    const proxy = await startProxy({ target: server.endpoint })
    onTestFinished(() => proxy.close())
    let round = 0
    // Connections are cut at every stage: while they are made, while they stand, and refused now and then.
    const churning = setInterval(() => {
      round += 1
      proxy.cutAll()
      if (round % 5 === 0) void proxy.refuse().then(() => proxy.accept())
    }, 7)
    onTestFinished(() => clearInterval(churning))
    const turns = isLongRun ? '200' : '40'
    let printedAt = 0
    const { code, output } = await runNode(
      new URL('./close-process.ts', import.meta.url),
      {
        LIVETREE_TEST_ENDPOINTS: `${proxy.endpoint},http://127.0.0.1:${nobody}`,
        LIVETREE_TEST_TURNS: turns,
      },
      55_000,
      async (printed) => {
        await printed('was left')
        printedAt = performance.now()
      },
    )
    expect(output.trim()).toBe('nothing was left')
    expect(code).toBe(0)
    // An unanswered question to a name server alone would take longer.
    expect(performance.now() - printedAt).toBeLessThan(4_000)
  })
})
