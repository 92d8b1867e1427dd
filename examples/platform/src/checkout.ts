import { checkout } from './checkout-config.ts'
import { joinFleet } from 'livetree/fleet'
import { follow } from './follow.ts'

await using config = await checkout.load()
await joinFleet(config, { id: process.argv[2] })
await follow('checkout', config, ({ redis, currency, payment }) => {
  const key = payment.apiKey === '' ? 'no key' : 'a key'
  return `${currency}, ${key}, Redis on ${redis.host}:${redis.port}`
})
