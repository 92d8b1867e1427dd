import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { eachEtcd } from '../../support/each-etcd.ts'
import { runNode } from '../../support/run-node.ts'
import { startProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'
import { GOOD_TREE, useShop } from './shop.ts'

eachEtcd('P11 leaves nothing behind', (etcd) => {
  const shop = useShop(etcd)

  test('after close no socket, timer or listener is left', async () => {
    await shop.write(GOOD_TREE)
    // A client that is left open would serve the next configuration, and keep its connection for some seconds.
    const proxy = shop.keep(await startProxy({ target: shop.server.endpoint }))
    const before = resources()
    const stop = new AbortController()
    for (let round = 0; round < 5; round++) {
      const { accepted } = proxy
      const config = await shop.load(
        { signal: stop.signal, staleAfterMs: 60_000 },
        { endpoints: [proxy.endpoint] },
      )
      expect(proxy.accepted).toBeGreaterThan(accepted)
      config.watch(
        (value) => value.db,
        () => {},
      )
      await config.refresh()
      await config.close()
      await config.close()
    }
    await waitFor(() => proxy.connections === 0)
    await waitFor(() => resources() <= before, { what: `no more than ${before} resources` })
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0)
  })

  test('a process that has loaded and closed ends by itself, also when etcd is gone', async () => {
    await shop.write(GOOD_TREE)
    const { code, output } = await runNode(new URL('./p11-process.ts', import.meta.url), {
      LIVETREE_TEST_ENDPOINT: shop.server.endpoint,
      LIVETREE_TEST_ROOT: shop.root,
    })
    expect(output).toContain('closed with pool max 10')
    expect(code).toBe(0)
  })
})

/** Sockets, pipes and timers that keep a process alive. */
function resources(): number {
  return process.getActiveResourcesInfo().filter((name) => /TCP|Timeout|FSEvent/.test(name)).length
}
