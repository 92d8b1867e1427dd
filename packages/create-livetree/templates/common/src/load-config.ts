import { describeIssue, type LiveConfig } from 'livetree'
import { type AppConfig, app } from './config.ts'

/** Loads the configuration; without its store, from the state it served last. */
export async function loadConfig(): Promise<LiveConfig<AppConfig>> {
  const config = await app.load({
    startup: { onUnavailable: 'snapshot' },
    snapshot: { path: '.livetree/my-app.snapshot' },
  })
  config.watch(
    (c) => c.greeting,
    (next, previous) => console.log(`greeting: ${previous} → ${next}`),
  )
  config.on('rejected', ({ issues }) => console.log('refused:', ...issues.map(describeIssue)))
  return config
}
