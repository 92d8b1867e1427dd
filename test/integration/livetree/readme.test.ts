import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import { defineConfig, etcd as etcdSource } from 'livetree'
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { runBounded } from '../../../scripts/etcd/run-bounded.ts'
import { eachEtcd, oneRealEtcd } from '../../support/each-etcd.ts'
import { patientEnvironment } from '../../support/patient-etcdctl.ts'
import { runNode } from '../../support/run-node.ts'
import type { EtcdServer } from '../../support/start-etcd.ts'

eachEtcd('README.md', (etcd) => {
  test('the ten lines work when pasted', async () => {
    const server = await etcd.start()
    await using client = createEtcdClient({ endpoints: [server.endpoint] })
    await client.kv.put('/config/shop/greeting', 'Hello')
    const readme = pageOf('README.md')
    const pasted = /```ts\n([\s\S]*?)```/.exec(readme)![1]!
    expect(pasted).toContain("'http://127.0.0.1:2379'")
    const script = new URL(`./readme-${process.pid}-${server.port}.ts`, import.meta.url)
    const ending = '\nprocess.stdin.resume().on("end", () => config.close())\n'
    writeFileSync(script, pasted.replace('http://127.0.0.1:2379', server.endpoint) + ending)
    try {
      const { code, output } = await runNode(script, {}, 20_000, async (printed) => {
        await printed('Hello 10')
        await client.kv.put('/config/shop/pool/max', '20')
        await printed('pool 10 → 20')
        await client.kv.put('/config/shop/pool/max', 'ten')
        await printed('/config/shop/pool/max')
        await client.kv.put('/config/shop/pool/max', '25')
        await printed('pool 20 → 25')
      })
      expect(output).toContain('expected number')
      expect(code).toBe(0)
    } finally {
      rmSync(script)
    }
  })
})

oneRealEtcd('the roles of the pages', (etcd) => {
  const auth = { username: 'root', password: 'rootpw' }
  let server: EtcdServer
  let root: EtcdClient
  beforeAll(async () => {
    server = await etcd.start({ auth })
    root = createEtcdClient({ endpoints: [server.endpoint], auth })
  })
  afterAll(async () => {
    await root.close()
    await server.close()
  })
  // Each page begins with a store that has no roles.
  afterEach(() => removeUsers(root))

  test('docs/using.md: the lines open what the sample reads, and let operators write', async () => {
    const page = pageOf('docs/using.md')
    await runLines(server, page)
    await root.kv.put('/config/shared/redis/host', 'r1')
    await root.kv.put('/config/shared/telemetry/url', 'http://traces')
    await root.kv.put('/config/checkout/base/timeoutMs', '5')
    await root.kv.put('/config/checkout/zones/eu-1/timeoutMs', '6')
    const [, sample = ''] = /```ts\n(etcd\(\{\n[\s\S]*?layers: [\s\S]*?)```/.exec(page) ?? []
    const own = { username: 'checkout', password: 'pw' }
    const names = ['etcd', 'endpoints', 'auth']
    const source = new Function(...names, `return ${sample}`)(etcdSource, [server.endpoint], own)
    const telemetry = z.object({ url: z.string() })
    const schema = z.object({
      redis: z.object({ host: z.string() }),
      telemetry,
      audit: z.object({ telemetry }),
      timeoutMs: z.number(),
    })
    const definition = defineConfig({ name: 'checkout', schema })
    await using config = await definition.load({ sources: [source], logger: false })
    const traces = { url: 'http://traces' }
    expect(config.current).toEqual({
      ...{ redis: { host: 'r1' }, telemetry: traces, audit: { telemetry: traces }, timeoutMs: 6 },
    })
    const operator = { username: 'ana', password: 'pw' }
    await root.authAdmin.users.add('ana', { password: 'pw' })
    await root.authAdmin.users.grantRole('ana', 'operators')
    await using client = createEtcdClient({ endpoints: [server.endpoint], auth: operator })
    await client.kv.put('/config/checkout/base/timeoutMs', '7')
  })

  test('docs/sharing.md: the sample runs for a user with the roles of the page, and no other', async () => {
    const page = pageOf('docs/sharing.md')
    await runLines(server, page)
    await root.kv.put('/config/shared/redis/host', 'r1')
    await root.kv.put('/config/shared/telemetry/endpoint', 'http://traces')
    await root.kv.put('/config/checkout/base/payment/apiKey', 'sk-1')
    await root.kv.put('/config/zones/eu-1/redis/port', '6380')
    const [, sample = ''] = /```ts\n([\s\S]*?)```/.exec(page) ?? []
    expect(sample).toContain("'http://127.0.0.1:2379'")
    const script = new URL(`./sharing-${process.pid}-${server.port}.ts`, import.meta.url)
    const ending = '\nconsole.log(JSON.stringify(config.current))\nawait config.close()\n'
    writeFileSync(script, sample.replace('http://127.0.0.1:2379', server.endpoint) + ending)
    try {
      const { code, output } = await runNode(script, { ETCD_PASSWORD: 'pw' })
      expect(output).toContain('"redis":{"host":"r1","port":6380}')
      expect(output).not.toContain('sk-1')
      expect(code).toBe(0)
    } finally {
      rmSync(script)
    }
  })

  test('docs/production.md: roles, backup and compaction', async () => {
    const backups = mkdtempSync(join(tmpdir(), 'livetree-backup-'))
    onTestFinished(() => rmSync(backups, { recursive: true }))
    const path = directoryOfRestlessDate()
    const printed = await runLines(
      server,
      pageOf('docs/production.md').replaceAll('/backup/', `${backups}/`),
      path,
    )
    expect(readdirSync(backups)).toEqual([expect.stringMatching(/^etcd-.*\.db$/)])
    expect(printed).toContain('compacted revision')
    expect(await root.authAdmin.users.roles('checkout')).toEqual(['checkout'])
  })
})

function pageOf(path: string): string {
  return readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')
}

/** A directory for PATH whose `date` never says the same twice, as at the turn of an hour between two lines. */
function directoryOfRestlessDate(): string {
  const directory = mkdtempSync(join(tmpdir(), 'livetree-date-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  writeFileSync(join(directory, 'date'), '#!/bin/sh\nexec /bin/date +%s%N\n', { mode: 0o755 })
  return directory
}

/** Runs every block of a page that has lines of `etcdctl`, as a person pastes it; as root. Resolves with what they print. */
async function runLines(server: EtcdServer, page: string, ...directories: string[]): Promise<string> {
  const blocks = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = '']) => block)
  const lines = blocks.filter((block) => /^etcdctl |etcdctl role/m.test(block)).join('\n')
  expect(lines).toMatch(/^etcdctl /m)
  const env = {
    ...process.env,
    PATH: [...directories, dirname(server.etcdctlPath), process.env['PATH']].join(delimiter),
    ...{
      ...patientEnvironment,
      ETCDCTL_API: '3',
      ETCDCTL_ENDPOINTS: server.endpoint,
      ETCDCTL_USER: 'root:rootpw',
      ETCD_PASSWORD: 'pw',
    },
  }
  const { code, stdout, stderr, ending } = await runBounded('sh', ['-euc', lines], { timeoutMs: 60_000, env })
  expect(code, `${ending}\n${stdout}\n${stderr}`).toBe(0)
  return stdout
}

async function removeUsers({ authAdmin: { roles, users } }: EtcdClient): Promise<void> {
  for (const name of await users.list()) if (name !== 'root') await users.delete(name)
  for (const name of await roles.list()) if (name !== 'root') await roles.delete(name)
}
