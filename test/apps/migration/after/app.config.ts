import { type ConfigOf, defineConfig, env, etcd, file, type LiveConfig } from 'livetree'
import * as z from 'zod'

export const appConfig = defineConfig({
  name: 'app',
  schema: z.object({
    greeting: z.string(),
    pageSize: z.number().int().positive().default(20),
    mail: z.object({
      from: z.email().default('shop@example.com'),
      retries: z.number().int().min(0).default(3),
    }),
  }),
})

export type AppConfig = LiveConfig<ConfigOf<typeof appConfig>>

export const loadAppConfig = () =>
  appConfig.load({
    sources: [
      file('config/defaults.yaml', { optional: true }),
      etcd({
        endpoints: (process.env.ETCD_ENDPOINTS ?? 'http://127.0.0.1:2379').split(','),
        root: '/config/app',
      }),
      env({ prefix: 'APP_', dotenv: ['.env'] }),
    ],
  })
