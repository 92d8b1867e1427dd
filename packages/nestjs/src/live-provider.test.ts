import type { Resource } from '@livetree/core'
import { Inject, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common'
import { describe, expect, test } from 'vitest'
import { withoutOpenHandles } from '../../../test/support/open-handles.ts'
import { liveProvider } from './index.ts'
import { createApp, openConfig, shop } from './shop-app.test.kit.ts'

withoutOpenHandles()

const POOL = Symbol('pool')

class Pool {
  readonly max: number
  isEnded = false
  constructor(max: number) {
    this.max = max
  }
  query() {
    if (this.isEnded) throw new Error('the pool has ended')
    return this.max
  }
  async end() {
    this.isEnded = true
  }
}

@Injectable()
class Repository implements OnApplicationShutdown {
  readonly pool: Resource<Pool>
  lastQuery: number | undefined = undefined
  constructor(@Inject(POOL) pool: Resource<Pool>) {
    this.pool = pool
  }
  async onApplicationShutdown() {
    this.lastQuery = await this.pool.use((pool) => pool.query())
  }
}

const poolProvider = (create: (max: number) => Pool) =>
  liveProvider(POOL, {
    of: shop,
    select: (c) => c.db,
    create: (db) => create(db.max),
    check: (pool) => pool.query(),
    dispose: (pool) => pool.end(),
  })

describe('liveProvider', () => {
  test('swaps the instance when its part changes, and disposes the old one after its last use', async () => {
    const config = await openConfig()
    const app = await createApp(config, { providers: [poolProvider((max) => new Pool(max)), Repository] })
    const { pool } = app.get(Repository)
    const borrowed = pool.acquire()
    config.set({ db: { max: 2 } })
    await expect.poll(() => pool.current.max).toBe(2)
    expect(borrowed.value.isEnded).toBe(false)
    borrowed.release()
    await expect.poll(() => borrowed.value.isEnded).toBe(true)
    expect(pool.name).toBe('pool')
    expect(config.status.resources.map(({ name, state }) => [name, state])).toEqual([['pool', 'ready']])
  })

  test('keeps the old instance while the new one cannot be built', async () => {
    const config = await openConfig()
    const create = (max: number) => {
      if (max === 13) throw new Error('not thirteen')
      return new Pool(max)
    }
    const app = await createApp(config, { providers: [poolProvider(create), Repository] })
    const { pool } = app.get(Repository)
    config.set({ db: { max: 13 } })
    await expect.poll(() => pool.status.state).toBe('failed')
    expect(await pool.use((value) => value.query())).toBe(1)
    config.set({ db: { max: 2 } })
    await expect.poll(() => pool.current.max).toBe(2)
  })

  test('the app does not start when the first instance cannot be built', async () => {
    const config = await openConfig()
    const broken = () => {
      throw new Error('no database')
    }
    await expect(createApp(config, { providers: [poolProvider(broken)] })).rejects.toThrow(
      /\[resource_failed\] Cannot build pool: Error, see cause/,
    )
  })

  test('serves until every onApplicationShutdown has run, then is disposed', async () => {
    const pools: Pool[] = []
    const create = (max: number) => {
      const pool = new Pool(max)
      pools.push(pool)
      return pool
    }
    @Module({ providers: [poolProvider(create), Repository] })
    class RepositoryModule {}
    const app = await createApp(await openConfig(), { imports: [RepositoryModule] })
    const repository = app.get(Repository)
    await app.close()
    expect(repository.lastQuery).toBe(1)
    expect(pools.map(({ isEnded }) => isEnded)).toEqual([true])
  })
})
