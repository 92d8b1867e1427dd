import { createEtcdClient } from '@livetree/etcd'
import { configMiddleware, live } from '@livetree/express'
import express, { type RequestHandler } from 'express'
import { type ConfigOf, createTestConfig, type DeepReadonly, defineConfig, type LiveConfig } from 'livetree'
import { z } from 'zod'

const shop = defineConfig({
  name: 'shop',
  schema: z.object({
    key: z.instanceof(Uint8Array).optional(),
    tags: z.array(z.string()),
    at: z.date().optional(),
  }),
})
type Shop = ConfigOf<typeof shop>

export async function main(): Promise<void> {
  const config: LiveConfig<Shop> = await createTestConfig(shop, { tags: ['a'] })
  const handlerOf =
    (tags: Shop['tags']): RequestHandler =>
    (_request, response) =>
      void response.json([...tags])
  express().use(
    configMiddleware(config),
    live(config, (c) => c.tags, handlerOf),
  )
  const bytes: Uint8Array | undefined = config.current.key
  const since: Date | undefined = config.current.at
  const nothing: DeepReadonly<unknown> = [bytes, since, createEtcdClient]
  // @ts-expect-error read-only
  const write = () => config.current.tags.push('b')
  await config.close()
  if (nothing !== undefined && typeof write === 'function') console.log('ok')
}
void main()
