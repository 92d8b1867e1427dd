import { startEmbeddedEtcd } from '@livetree/embedded'
import { describe, expect, test } from 'vitest'
import { withoutOpenHandles } from '../support/open-handles.ts'
import { type LoadOptions, runLoad } from './run-load.ts'

withoutOpenHandles()

/** The short form; `npm run load` runs it at full length, and on a real etcd. */
const short = { durationMs: 2_500, connections: 20 }

describe('load while the configuration changes', () => {
  const run = async (options: Pick<LoadOptions, 'shop' | 'without' | 'until'>) => {
    await using etcd = await startEmbeddedEtcd()
    return await runLoad({ ...short, ...options, endpoint: etcd.endpoint })
  }

  test.each(['express-shop', 'nestjs-shop', 'fastify-shop'] as const)(
    '%s: no request fails, sees two states or meets a disposed pool',
    async (shop) => {
      const until: LoadOptions['until'] = ({ requests, changes, states }) =>
        requests > 100 && changes > 60 && states.size > 10
      const result = await run({ shop, until })
      expect(result).toMatchObject({ failed: 0, mixed: 0, disposedUses: 0, examples: [] })
      expect(result.requests).toBeGreaterThan(100)
      expect(result.changes).toBeGreaterThan(60)
      expect(result.statesSeen).toBeGreaterThan(10)
      expect(result.pools).toBeGreaterThanOrEqual(2)
    },
  )

  describe('the checks above can fail', () => {
    test.each(['express-shop', 'nestjs-shop', 'fastify-shop'] as const)(
      '%s without the pin: requests see two states',
      async (shop) => {
        const { mixed } = await run({ shop, without: 'pin', until: (soFar) => soFar.mixed > 0 })
        expect(mixed).toBeGreaterThan(0)
      },
    )

    test('express-shop without the drain: requests meet a disposed pool', async () => {
      const until: LoadOptions['until'] = (soFar) => soFar.disposedUses > 0
      const { disposedUses } = await run({ shop: 'express-shop', without: 'drain', until })
      expect(disposedUses).toBeGreaterThan(0)
    })
  })
})
