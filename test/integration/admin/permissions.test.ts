import { createAdmin } from '@livetree/admin'
import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import { defineConfig } from 'livetree'
import { beforeEach, expect, test } from 'vitest'
import * as z from 'zod'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'

const definition = defineConfig({
  name: 'shop',
  schema: z.object({
    own: z.object({ a: z.number().default(0) }),
    redis: z.object({ port: z.number().default(0) }),
  }),
})
const HISTORY = '/.livetree/history'

withoutOpenHandles()

oneEtcd('admin with users who may not do everything', (etcd) => {
  let endpoint: string
  let root: EtcdClient

  beforeEach(async () => {
    const server = await etcd.start({ auth: { password: 'secret-of-root' } })
    endpoint = server.endpoint
    root = createEtcdClient({ endpoints: [endpoint], auth: { username: 'root', password: 'secret-of-root' } })
    return () => root.close()
  })

  type Access = 'read' | 'readWrite'
  async function openAdmin(permissions: Readonly<Record<string, Access>>, namespace = '') {
    const { roles, users } = root.authAdmin
    await roles.add('team')
    for (const [prefix, access] of Object.entries(permissions))
      await roles.grant('team', { access, range: { prefix } })
    await users.add('ana', { password: 'secret-of-ana' })
    await users.grantRole('ana', 'team')
    return createAdmin(definition, {
      author: 'ana',
      store: {
        endpoints: [endpoint],
        namespace,
        auth: { username: 'ana', password: 'secret-of-ana' },
        layers: [
          { prefix: '/config/redis', at: 'redis', optional: true },
          { prefix: '/config/shop', optional: true },
        ],
      },
    })
  }

  const layer = '/config/shop'

  test('a team writes its own layer, and only reads the shared one and its history', async () => {
    await using admin = await openAdmin({
      '/config/shop/': 'readWrite',
      '/config/redis/': 'read',
      [`${HISTORY}/config/shop/`]: 'readWrite',
      [`${HISTORY}/config/redis/`]: 'read',
    })
    const { id = '' } = await admin.set('own.a', 1, { layer })
    expect(await admin.find(id)).toMatchObject({ author: 'ana' })
    const error = await admin
      .set('redis.port', 1, { layer: '/config/redis' })
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'permission_denied' })
    expect((error as Error).message).toContain(
      'grant-permission <role> --prefix=true readwrite /config/redis/',
    )
    expect((error as Error).message).toContain(`readwrite ${HISTORY}/config/redis/`)
  })

  test('a history that may not be read does not make "another tool" of an admin', async () => {
    const own = `${HISTORY}/config/shop/`
    await using admin = await openAdmin({ '/config/': 'readWrite', [own]: 'readWrite' })
    const saved = (await admin.change({ layer }).set('own.a', 1).plan()).save()
    const { header } = await root.kv.put('/config/shop/own/a', '5')
    const error = await (await admin.openPlan(saved)).apply().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({
      code: 'conflict',
      conflicts: [{ now: '5', revision: header.revision, by: undefined, unknown: ['by'] }],
    })
    expect((error as Error).message).toContain('by somebody (the history could not be read)')
  })

  test.each<[string, Readonly<Record<string, Access>>, string]>([
    ['nothing', {}, 'read /config/redis/'],
    ['read the layers alone', { '/config/': 'read' }, `readwrite ${HISTORY}/config/shop/`],
    ['not write the layer', { '/config/': 'read', [`${HISTORY}/`]: 'readWrite' }, 'readwrite /config/shop/'],
    [
      'not write the history',
      { '/config/': 'readWrite', [`${HISTORY}/`]: 'read' },
      `readwrite ${HISTORY}/config/shop/`,
    ],
  ])(
    'a user who may %s is told the line that opens it, and nothing is written',
    async (_what, permissions, line) => {
      await using admin = await openAdmin(permissions)
      const error = await admin.set('own.a', 1, { layer }).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'permission_denied' })
      expect((error as Error).message).toContain(line)
      expect((error as Error).message).not.toContain('secret-of')
      expect(await root.kv.get('/config/shop/own/a')).toBeUndefined()
    },
  )

  /** Grants what the lines of a refusal say; `--prefix` makes a range of what is a key otherwise. */
  async function grantLines(message: string): Promise<void> {
    const lines = message.matchAll(/grant-permission <role> (--prefix=true )?(read|readwrite) (\S+)/g)
    for (const [, isPrefix, as, key = ''] of lines)
      await root.authAdmin.roles.grant('team', {
        access: as === 'readwrite' ? 'readWrite' : 'read',
        range: isPrefix === undefined ? { key } : { prefix: key },
      })
  }

  test('who does what each refusal says may read and write overlays', async () => {
    await (await openAdmin({}))[Symbol.asyncDispose]()
    await using admin = createAdmin(definition, {
      author: 'ana',
      store: {
        endpoints: [endpoint],
        auth: { username: 'ana', password: 'secret-of-ana' },
        root: '/config/shop',
        overlays: ['base', 'prod'],
      },
    })
    const refusals: string[] = []
    const tried = async (run: () => Promise<unknown>) => {
      for (let attempt = 0; attempt < 3; attempt++) {
        const error = await run().then(
          () => undefined,
          (thrown: unknown) => thrown as Error,
        )
        if (error === undefined) return
        refusals.push(error.message)
        await grantLines(error.message)
      }
      throw new Error(`still refused: ${refusals.join('; ')}`)
    }
    await tried(() => admin.read())
    await tried(() => admin.set('own.a', 1, { overlay: 'prod' }))
    expect(refusals.join('; ')).toContain('<role> read /config/shop/base')
    expect(await root.kv.get('/config/shop/prod/own/a')).toMatchObject({ text: '1' })
  })

  test('under a namespace, the line opens the keys as etcd has them', async () => {
    await using admin = await openAdmin({}, '/ns')
    const commands: string[] = []
    for (const call of [
      () => admin.read(),
      () => admin.set('own.a', 1, { layer }),
      () => admin.verdicts(1),
    ]) {
      const error: unknown = await call().catch((thrown: unknown) => thrown)
      commands.push(...((error as Error).message.match(/--prefix=true \w+ \S+/g) ?? []))
    }
    expect(commands.length).toBeGreaterThan(3)
    expect(commands.filter((command) => !/ \/ns\//.test(command))).toEqual([])
  })

  test('a wrong password is said without the password', async () => {
    const store = {
      endpoints: [endpoint],
      root: '/config/shop',
      auth: { username: 'root', password: 'hunter2' },
    }
    await using admin = createAdmin(definition, { store })
    const error = await admin.read().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'permission_denied' })
    expect((error as Error).message).not.toContain('hunter2')
  })
})
