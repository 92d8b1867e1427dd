import { createEtcdClient } from '@livetree/etcd'
import { defineConfig, etcd as etcdSource, keyring, secret } from 'livetree'
import { joinFleet } from 'livetree/fleet'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { oneEtcd } from '../../support/each-etcd.ts'
import { waitFor } from '../../support/wait-for.ts'
import { makeWorkplace } from './support/livetree-process.ts'

const configOf = (endpoint: string) => `
import { defineConfig, etcd, keyring, secret } from 'livetree'
import * as z from 'zod'
import { fileURLToPath } from 'node:url'
export const shop = defineConfig({
  name: 'shop',
  schema: z.object({ mode: z.string().default('on'), db: z.object({ password: secret(z.string(), { encrypted: true }) }) }),
  sources: () => [etcd({ endpoints: ['${endpoint}'], root: '/config/shop', overlays: ['base'] })],
  keys: () => keyring({ current: { file: fileURLToPath(new URL('keys', import.meta.url)) } }),
})
`
const keyLine = (id: string, byte: number) => `${id}:${Buffer.alloc(32, byte).toString('base64')}\n`

oneEtcd('livetree secrets', (etcd) => {
  test('set encrypts, get and export mask, rotate encrypts again, check says what is left', async () => {
    const { endpoint } = await etcd.start()
    const place = makeWorkplace(configOf(endpoint), { LIVETREE_AUTHOR: 'ana' })
    const client = createEtcdClient({ endpoints: [endpoint] })
    const run = async (exitCode: number, args: readonly string[], input?: string) => {
      const done = await place.run(args, input === undefined ? {} : { input })
      expect(done, `${args.join(' ')}: ${done.stderr}`).toMatchObject({ exitCode })
      return done
    }
    try {
      const text = async () => (await client.kv.get('/config/shop/base/db/password'))?.text ?? ''
      const missing = await run(64, ['set', 'db.password', '-'], 'hunter2')
      expect(missing.stderr).toContain('--keys FILE')
      expect(missing.stderr).not.toContain('hunter2')
      place.write('keys', keyLine('k0', 1))
      const set = await run(0, ['set', 'db.password', '-', '-m', 'first'], 'hunter2')
      expect(set.stdout).toBe('+ db.password  [secret]  (encrypted, key k0)\n')
      expect(await text()).toMatch(/^livetree:encrypted:1:k0:/)
      expect((await run(0, ['export', '--overlay', 'base'])).stdout).toContain(await text())
      place.write('keys', keyLine('k1', 2) + keyLine('k0', 1))
      const checked = await run(0, ['check'])
      expect(checked.stderr).toContain('1 value encrypted with other keys than "k1"')
      const rotated = await run(0, ['secrets', 'rotate', '--yes', '-o', 'json'])
      expect(JSON.parse(rotated.stdout)).toMatchObject({ renewed: 1, left: 0, unopened: [] })
      expect(await text()).toMatch(/:k1:/)
      expect((await run(0, ['get', 'db.password', '--reveal'])).stdout).toBe('hunter2\n')
      // A script that reads a secret gets that, or nothing.
      place.write('other', keyLine('k9', 3))
      for (const keys of ['other', 'nowhere']) {
        const closed = await run(5, ['--keys', keys, 'get', 'db.password', '--reveal'])
        expect(closed.stdout).toBe('')
        expect(closed.stderr).toContain('db.password: key "k1"')
        expect((await run(0, ['--keys', keys, 'get', 'db.password'])).stdout).toBe('[secret]\n')
        const explained = await run(0, ['--keys', keys, 'explain', 'db.password'])
        expect(explained.stdout).toContain('db.password = [secret], which no key at hand opens')
      }
      await client.kv.put('/config/shop/base/db/password', 'typed by hand')
      const keyless = await run(0, ['--keys', 'nowhere', 'secrets', 'ls'])
      expect(keyless.stderr).toMatch(/no key to encrypt with: .*nowhere/)
      const listed = await run(0, ['secrets', 'ls'])
      expect(listed.stdout).toMatch(/db\.password +not encrypted/)
      expect(listed.stderr).toContain('0 encrypted values, 0 of other keys than "k1"; 1 not encrypted.')
      const left = await run(0, ['secrets', 'rotate', '--yes'])
      expect(left.stderr).toContain('1 value not encrypted, and left so: db.password. --plaintext encrypts')
      expect(await text()).toBe('typed by hand')
      const shown = await run(0, ['secrets', 'rotate', '--plaintext', '--dry-run'])
      expect(shown.stderr).toContain('1 value (1 of them in plain text) to encrypt')
      const done = await run(0, ['secrets', 'rotate', '--plaintext', '--yes', '-o', 'json'])
      expect(JSON.parse(done.stdout)).toMatchObject({ renewed: 1, left: 0, plaintext: ['db.password'] })
      expect(await text()).toMatch(/^livetree:encrypted:1:k1:/)
      expect((await run(0, ['get', 'db.password', '--reveal'])).stdout).toBe('typed by hand\n')
      for (const { stdout, stderr } of [listed, left, shown, done])
        expect(stdout + stderr).not.toContain('typed by hand')
    } finally {
      await client.close()
      place.remove()
    }
  })

  test('rotate asks the running instances whether they have the key, and waits for them', async () => {
    const { endpoint } = await etcd.start()
    const place = makeWorkplace(configOf(endpoint), { LIVETREE_AUTHOR: 'ana' })
    const client = createEtcdClient({ endpoints: [endpoint] })
    const key = (id: string, byte: number) => ({ id, key: Buffer.alloc(32, byte) })
    const [OLD, NEW] = [key('k0', 1), key('k1', 2)]
    const schema = z.object({ db: z.object({ password: secret(z.string(), { encrypted: true }) }) })
    const shop = defineConfig({ name: 'shop', schema })
    const joined = async (...previous: (typeof OLD)[]) => {
      const sources = [etcdSource({ endpoints: [endpoint], root: '/config/shop', overlays: ['base'] })]
      const config = await shop.load({ sources, keys: keyring({ current: OLD, previous }), logger: false })
      const member = await joinFleet(config, { spreadMs: 0 })
      await waitFor(() => member.status.written?.judgesProposals === 1, { what: 'the instance to join' })
      return { [Symbol.asyncDispose]: () => member.leave().then(() => config.close()) }
    }
    const run = async (exitCode: number, args: readonly string[], input?: string) => {
      const done = await place.run(args, input === undefined ? {} : { input })
      expect(done, `${args.join(' ')}: ${done.stderr}`).toMatchObject({ exitCode })
      return done
    }
    const text = async () => (await client.kv.get('/config/shop/base/db/password'))?.text ?? ''
    try {
      place.write('keys', keyLine('k0', 1))
      await run(0, ['set', 'db.password', '-'], 'hunter2')
      place.write('keys', keyLine('k1', 2) + keyLine('k0', 1))
      const rotate = ['secrets', 'rotate', '--yes', '--preflight']
      {
        await using _older = await joined()
        const refused = await run(6, [...rotate, '--wait'])
        expect(refused.stderr).toMatch(/rejected by 1 of 1 instance[\s\S]*key "k1"/)
        await run(6, [...rotate, '--dry-run'])
        expect(await text()).toMatch(/:k0:/)
      }
      await using _newer = await joined(NEW)
      await run(64, ['secrets', 'rotate', '--dry-run', '--wait'])
      const done = await run(0, [...rotate, '--wait', '-o', 'json'])
      expect(JSON.parse(done.stdout)).toMatchObject({
        renewed: 1,
        preflight: { outcome: 'accepted' },
        verdicts: { outcome: 'applied' },
      })
      expect(await text()).toMatch(/:k1:/)
      const again = await run(0, [...rotate, '--wait', '-o', 'json'])
      expect(JSON.parse(again.stdout)).toMatchObject({ renewed: 0, verdicts: { outcome: 'applied' } })
    } finally {
      await client.close()
      place.remove()
    }
  })
})
