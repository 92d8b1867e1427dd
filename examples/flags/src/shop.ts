import { LivetreeProvider } from '@livetree/openfeature'
import { type Client, OpenFeature, ServerProviderEvents } from '@openfeature/server-sdk'
import { describeIssue } from 'livetree'
import { shop } from './shop-config.ts'

const USERS = 1_000

/** Tells how many users have the new checkout, and whether the staff has. */
async function report(client: Client): Promise<void> {
  const users = Array.from({ length: USERS }, (_, index) => ({ targetingKey: `user-${index + 1}` }))
  const answers = await Promise.all(users.map((user) => client.getBooleanValue('new-checkout', false, user)))
  const staff = { targetingKey: 'ann', email: 'ann@example.com' }
  const { value, reason } = await client.getBooleanDetails('new-checkout', false, staff)
  const count = answers.filter(Boolean).length
  console.log(
    `new-checkout: on for ${count} of ${USERS} users; for the staff ${value ? 'on' : 'off'} (${reason})`,
  )
}

const config = await shop.load()
config.on('rejected', ({ issues }) => console.log(`rejected: ${issues.map(describeIssue).join('; ')}`))
await OpenFeature.setProviderAndWait(new LivetreeProvider(config, (c) => c.features))
const client = OpenFeature.getClient()
client.addHandler(ServerProviderEvents.ConfigurationChanged, async (details) => {
  if (details?.flagsChanged?.includes('new-checkout')) await report(client)
})
await report(client)

process.once('SIGTERM', async () => {
  await OpenFeature.close()
  await config.close()
})
