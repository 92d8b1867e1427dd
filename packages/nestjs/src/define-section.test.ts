import { Injectable, Module } from '@nestjs/common'
import { expect, test } from 'vitest'
import { withoutOpenHandles } from '../../../test/support/open-handles.ts'
import { defineSection, InjectConfig, LivetreeModule, type SectionOf } from './index.ts'
import { createApp, openConfig, shop } from './shop-app.test.kit.ts'

withoutOpenHandles()

const database = defineSection(shop, 'database', (c) => c.db)

@Injectable()
class Repository {
  readonly database: SectionOf<typeof database>
  constructor(@InjectConfig(database) section: SectionOf<typeof database>) {
    this.database = section
  }
}

@Module({ imports: [LivetreeModule.forFeature(database)], providers: [Repository] })
class DatabaseModule {}

test('forFeature offers a part of the configuration: now, pinned, and as it changes', async () => {
  const config = await openConfig()
  const app = await createApp(config, { imports: [DatabaseModule] })
  const section = app.get(Repository).database
  expect(section.current).toBe(config.current.db)
  const told: unknown[] = []
  const stop = section.watch((next, previous) => void told.push([next.max, previous.max]))
  config.runPinned(() => {
    config.set({ db: { max: 2 }, greeting: 'hi' })
    expect([section.current.max, section.pinned().max]).toEqual([2, 1])
  })
  expect(told).toEqual([[2, 1]])
  config.set({ greeting: 'hello again' })
  stop()
  config.set({ db: { max: 3 } })
  expect(told).toHaveLength(1)
  expect(section.pinned().max).toBe(3)
})

test('one definition can be offered by two modules', async () => {
  const config = await openConfig()
  @Module({ imports: [LivetreeModule.forFeature(database)], providers: [Repository] })
  class OtherModule {}
  const app = await createApp(config, { imports: [DatabaseModule, OtherModule] })
  const repositories = app.get(Repository, { each: true, strict: false })
  expect(repositories.map((repository) => repository.database.current.max)).toEqual([1, 1])
})
