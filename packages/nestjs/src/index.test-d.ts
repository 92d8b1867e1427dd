import { type ChangeEvent, type ConfigOf, defineConfig, type LiveConfig, type Resource } from '@livetree/core'
import { Injectable } from '@nestjs/common'
import { expectTypeOf, test } from 'vitest'
import * as z from 'zod'
import {
  type ConfigSection,
  defineSection,
  InjectConfig,
  LivetreeModule,
  liveProvider,
  OnConfigChange,
  type SectionOf,
} from './index.ts'

const shop = defineConfig({
  name: 'shop',
  schema: z.object({
    db: z.object({ url: z.string(), max: z.number() }),
    mail: z.object({ from: z.string() }),
  }),
})
type Shop = ConfigOf<typeof shop>
const mail = defineSection(shop, 'mail', (c) => c.mail)

test('what is injected watches without casts', () => {
  class Service {
    constructor(
      @InjectConfig(shop) config: LiveConfig<Shop>,
      @InjectConfig(mail) section: SectionOf<typeof mail>,
    ) {
      config.watch(
        (c) => c.db,
        (next, previous) => {
          expectTypeOf(next).toEqualTypeOf<{ readonly url: string; readonly max: number }>()
          expectTypeOf(previous).toEqualTypeOf(next)
        },
      )
      section.watch((next) => expectTypeOf(next.from).toBeString())
    }
  }
  expectTypeOf<SectionOf<typeof mail>>().toEqualTypeOf<ConfigSection<{ readonly from: string }>>()
  expectTypeOf(Service).toBeConstructibleWith({} as LiveConfig<Shop>, {} as SectionOf<typeof mail>)
})

test('OnConfigChange holds the method to what the selector gives', () => {
  @Injectable()
  class Pool {
    @OnConfigChange(shop, (c) => c.db)
    fits(next: Shop['db'], previous: Shop['db'], change: ChangeEvent<Shop>) {
      return [next, previous, change]
    }
    @OnConfigChange(shop, (c) => c.db.max)
    takesLess(next: number) {
      return next
    }
    @OnConfigChange(shop, (c) => c.db, { immediate: true })
    atOnce(next: Shop['db'], previous: Shop['db'] | undefined) {
      return [next, previous]
    }
    // @ts-expect-error the selector gives a number
    @OnConfigChange(shop, (c) => c.db.max)
    doesNotFit(next: string) {
      return next
    }
    // @ts-expect-error at once there is no previous value
    @OnConfigChange(shop, (c) => c.db.max, { immediate: true })
    forgetsTheStart(next: number, previous: number) {
      return next - previous
    }
    // @ts-expect-error there is no such part
    @OnConfigChange(shop, (c) => c.dbs)
    misspelt() {}
  }
  expectTypeOf(Pool).toBeConstructibleWith()
})

test('liveProvider hands the selected part to create, and what that gives to check and dispose', () => {
  const provider = liveProvider('pool', {
    of: shop,
    select: (c) => c.db,
    create: async (db) => {
      expectTypeOf(db).toEqualTypeOf<{ readonly url: string; readonly max: number }>()
      return { size: db.max }
    },
    check: (pool) => expectTypeOf(pool).toEqualTypeOf<{ size: number }>(),
    dispose: (pool) => expectTypeOf(pool).toEqualTypeOf<{ size: number }>(),
  })
  expectTypeOf(provider.useFactory).returns.toEqualTypeOf<
    Promise<Resource<{ size: number }>> | Promise<Promise<Resource<{ size: number }>>>
  >()
})

test('the module takes any configuration, and only one', () => {
  LivetreeModule.forRoot({ config: {} as LiveConfig<Shop>, isGlobal: true })
  LivetreeModule.forRootAsync({ useFactory: async () => ({ config: await shop.load() }), definition: shop })
  LivetreeModule.forFeature(mail)
  // @ts-expect-error a definition is not loaded yet
  LivetreeModule.forRoot({ config: shop })
  // @ts-expect-error nothing to bring
  LivetreeModule.forRoot({})
})
