import { type ConfigOf, defineConfig, env, etcd, port, restart } from 'livetree'
import * as z from 'zod'

/** Everything that may be changed while the app runs. What is not valid is refused, and the last good values stay. */
export const app = defineConfig({
  name: 'my-app',
  schema: z.object({
    greeting: z.string().min(1).max(100),
    loud: z.boolean().default(false),
    http: z.object({ port: restart(port()).default(3000) }),
  }),
  sources: () => [
    etcd({
      endpoints: (process.env['ETCD_ENDPOINTS'] ?? 'http://127.0.0.1:2379').split(','),
      root: '/config/my-app',
    }),
    env({ prefix: 'APP_', dotenv: ['.env'] }),
  ],
})

export type AppConfig = ConfigOf<typeof app>
