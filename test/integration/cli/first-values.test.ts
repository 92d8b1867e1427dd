import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { makeWorkplace, type Workplace } from './support/livetree-process.ts'

/** A tree with values that must be there in two layers. */
const CONFIG = `import { defineConfig, etcd, secret } from 'livetree'
import * as z from 'zod'

export default defineConfig({
  name: 'shop',
  schema: z.object({
    redis: z.object({ host: z.string(), port: z.number().default(6379) }),
    db: z.object({ password: secret(z.string()), max: z.number().default(10) }),
  }),
  sources: () => [
    etcd({
      endpoints: process.env['STORE'] ?? '',
      layers: [{ prefix: '/config/shared/redis', at: 'redis' }, { prefix: '/config/shop' }],
    }),
  ],
})
`
const HINT =
  'Where another layer is to have them, as with the first values of a tree, write this layer with --force, then the other one.'

oneEtcd('the first values of a tree', (etcd) => {
  let place: Workplace

  beforeAll(async () => {
    const server = await etcd.start()
    vi.stubEnv('STORE', server.endpoint)
    place = makeWorkplace(CONFIG, { STORE: server.endpoint })
    place.write('redis.yaml', 'host: redis-1\n')
    place.write('shop.yaml', 'db: { password: hunter2 }\n')
  })
  afterAll(() => {
    place.remove()
    vi.unstubAllEnvs()
  })

  test('of several layers come in as the command says', async () => {
    const shared = ['import', 'redis.yaml', '--overlay', 'shared/redis', '--yes']
    const own = ['import', 'shop.yaml', '--overlay', 'config/shop', '--yes']
    for (const args of [
      shared,
      own,
      ['set', 'redis.host', 'redis-1', '--overlay', 'shared/redis'],
      ['plan', '-f', 'redis.yaml', '--overlay', 'shared/redis'],
    ]) {
      const refused = await place.run(args)
      expect(refused, refused.stderr).toMatchObject({ exitCode: 5, stdout: '' })
      expect(refused.stderr).toContain(`Nothing was written. Correct these paths in the same change. ${HINT}`)
    }
    const forced = await place.run([...shared, '--force'])
    expect(forced, forced.stderr).toMatchObject({ exitCode: 0, stdout: '+ redis.host  redis-1\n' })
    const last = await place.run(own)
    expect(last, last.stderr).toMatchObject({ exitCode: 0 })
    expect(await place.run(['check'])).toMatchObject({ exitCode: 0 })
    // What the change itself gets wrong, or takes away, is put right in it.
    const wrong = await place.run(['set', 'db.max', 'ten', '--overlay', 'config/shop'])
    expect(wrong.exitCode).toBe(5)
    expect(wrong.stderr).not.toContain('--force')
    const gone = await place.run(['unset', 'redis.host', '--overlay', 'shared/redis', '--yes'])
    expect(gone.exitCode).toBe(5)
    expect(gone.stderr).not.toContain('--force')
  })
})
