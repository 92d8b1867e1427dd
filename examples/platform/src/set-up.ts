import { createEtcdClient, op } from '@livetree/etcd'
import { credentials, endpoints, roles, type ServiceName, users } from './roles.ts'

/** The first values, written by the platform team and the teams of the services. */
const values = {
  '/config/shared/redis/host': 'redis-1',
  '/config/checkout/currency': 'EUR',
  '/config/checkout/payment/apiKey': 'sk-4711',
  '/config/search/pageSize': '20',
}

// A new etcd has no users, and everybody may do everything.
await using client = createEtcdClient({ endpoints })
const admin = client.authAdmin
const root = credentials('root')
await admin.users.add('root', { password: root.password })
await admin.roles.add('root')
await admin.users.grantRole('root', 'root')
for (const [role, granted] of Object.entries(roles)) {
  await admin.roles.add(role)
  for (const [prefix, access] of Object.entries(granted))
    await admin.roles.grant(role, { access, range: { prefix } })
}
for (const [user, granted] of Object.entries(users)) {
  await admin.users.add(user, { password: credentials(user as ServiceName).password })
  for (const role of granted) await admin.users.grantRole(user, role)
}
await client.kv
  .txn()
  .then(...Object.entries(values).map(([key, value]) => op.put(key, value)))
  .commit()
await admin.enable()
console.log(`${Object.keys(roles).length} roles, ${Object.keys(users).length} users; auth is on`)
