import { checkout } from './checkout-config.ts'
import { follow } from './follow.ts'

await using config = await checkout.load()
await follow('checkout', config, ({ redis, currency, payment }) => {
  const key = payment.apiKey === '' ? 'no key' : 'a key'
  return `${currency}, ${key}, Redis on ${redis.host}:${redis.port}`
})
