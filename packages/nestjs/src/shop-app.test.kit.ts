import { type ConfigOf, createTestConfig, defineConfig, type LiveConfig } from '@livetree/core'
import type { INestApplication, ModuleMetadata } from '@nestjs/common'
import { Test } from '@nestjs/testing'
import { onTestFinished } from 'vitest'
import * as z from 'zod'
import { LivetreeModule, type LivetreeModuleExtras } from './index.ts'

export const shop = defineConfig({
  name: 'shop',
  schema: z.object({ greeting: z.string(), db: z.object({ max: z.number() }) }),
})

export type Shop = ConfigOf<typeof shop>

export async function openConfig() {
  const config = await createTestConfig(shop, { greeting: 'hello', db: { max: 1 } })
  onTestFinished(() => config.close())
  return config
}

export type ShopConfig = Awaited<ReturnType<typeof openConfig>>

/** What a piece of code sees of the configuration, in words. */
export function seen(config: LiveConfig<Shop>): string {
  return `${config.pinned().greeting}@${config.pinnedSnapshot().version}`
}

/** An initialized app with the configuration in it, closed when the test is over. */
export async function createApp(
  config: ShopConfig,
  { imports = [], ...metadata }: ModuleMetadata,
  extras: LivetreeModuleExtras = {},
): Promise<INestApplication> {
  const root = LivetreeModule.forRoot({ config, isGlobal: true, ...extras })
  const module = await Test.createTestingModule({ imports: [root, ...imports], ...metadata }).compile()
  const app = module.createNestApplication({ logger: false })
  onTestFinished(() => app.close())
  return app.init()
}
