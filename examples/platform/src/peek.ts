import { createEtcdClient, EtcdError } from '@livetree/etcd'
import { credentials, endpoints, type ServiceName } from './roles.ts'

/** Reads a key as the user of a service: `node src/peek.ts search /config/checkout/payment/apiKey`. */
const [user = 'search', key = '/config/checkout/payment/apiKey'] = process.argv.slice(2)
await using client = createEtcdClient({ endpoints, auth: credentials(user as ServiceName) })
try {
  const found = await client.kv.get(key)
  console.log(found === undefined ? `${key} does not exist` : `${user} reads ${key}: ${found.text}`)
} catch (error) {
  if (!(error instanceof EtcdError)) throw error
  console.log(`${user} may not read ${key}: ${error.code}`)
}
