import { expectTypeOf, test } from 'vitest'
import * as z from 'zod'
import { defineService } from './define-service.ts'
import type { Discovery } from './discovery-contract.ts'
import type { ServiceView } from './service-view.ts'

const orders = defineService({
  name: 'orders',
  metadata: z.object({ shard: z.string().transform(Number), region: z.string().default('eu') }),
})
declare const discovery: Discovery

test('a provider gives what the schema takes, a consumer has what it returns', () => {
  expectTypeOf(discovery.openService(orders)).resolves.toEqualTypeOf<
    ServiceView<{ shard: number; region: string }>
  >()
  expectTypeOf(discovery.openService('orders')).resolves.toEqualTypeOf<ServiceView<unknown>>()
  void (() => discovery.register({ service: orders, metadata: { shard: '3' } }))
  // @ts-expect-error: the schema takes a text.
  void (() => discovery.register({ service: orders, metadata: { shard: 3 } }))
})
