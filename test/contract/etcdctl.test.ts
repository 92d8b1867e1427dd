import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runBounded } from '../../scripts/etcd/run-bounded.ts'
import { eachEtcdctl } from '../support/etcdctls.ts'
import { patientEtcdctl } from '../support/patient-etcdctl.ts'
import { isLongRun } from '../support/run-length.ts'
import { waitFor } from '../support/wait-for.ts'
import { eachServer, fresh, put, textOf } from './contract-server.ts'
import { differs } from './differences.ts'

const env = { ...process.env, ETCDCTL_API: '3' }

eachEtcdctl('etcdctl', ({ path: etcdctl }) =>
  eachServer(
    'on',
    (server) => {
      const current = server.use()
      const run = (args: readonly string[], input?: string) =>
        runBounded(etcdctl, [...patientEtcdctl, `--endpoints=${current().endpoint}`, ...args], {
          timeoutMs: 30_000,
          env,
          ...(input === undefined ? {} : { input }),
        })
      const ok = async (args: readonly string[], input?: string): Promise<string> => {
        const { code, stdout, stderr, ending } = await run(args, input)
        if (code !== 0) throw new Error(`etcdctl ${args.join(' ')}: ${ending}: ${stderr}`)
        return stdout.trim()
      }
      const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '')

      /** Runs a command that does not end by itself until its output fits, then ends it. */
      const runUntil = async (
        args: readonly string[],
        fits: (output: string) => boolean | Promise<boolean>,
      ): Promise<string> => {
        const child = spawn(etcdctl, [`--endpoints=${current().endpoint}`, ...args], { env })
        const ended = new Promise((resolve) => child.once('close', resolve))
        let output = ''
        child.stdout.on('data', (chunk) => {
          output += chunk
        })
        try {
          await waitFor(() => fits(output), { what: `etcdctl ${args.join(' ')}` })
          return output
        } finally {
          child.kill('SIGKILL')
          await ended
        }
      }

      test('put, get --prefix, del', async () => {
        const p = fresh('ctl')
        expect(await ok(['put', `${p}b`, '2'])).toBe('OK')
        expect(await ok(['put', `${p}a`], '1')).toBe('OK')
        expect(lines(await ok(['get', p, '--prefix']))).toEqual([`${p}a`, '1', `${p}b`, '2'])
        expect(
          lines(await ok(['get', p, '--prefix', '--keys-only', '--order=DESCEND', '--sort-by=KEY'])),
        ).toEqual([`${p}b`, `${p}a`])
        expect(JSON.parse(await ok(['get', `${p}a`, '-w=json']))).toMatchObject({
          kvs: [{ version: 1 }],
          count: 1,
        })
        expect(await ok(['del', p, '--prefix'])).toBe('2')
      })

      test('watch, from now and from a revision', async () => {
        const { client } = current()
        const key = fresh('ctl')
        const revision = await put(client, key, 'one')
        await put(client, key, 'two')
        const output = await runUntil(['watch', key, `--rev=${revision}`, '--prev-kv'], (text) =>
          /two\n$/.test(text),
        )
        expect(lines(output)).toEqual(['PUT', key, 'one', 'PUT', key, 'one', key, 'two'])
        // Nothing says when a watch from now has begun, so the key changes until it is told of.
        let changes = 0
        const live = await runUntil(['watch', key], async (text) => {
          changes += 1
          await put(client, key, `change ${changes}`)
          return text.includes('PUT')
        })
        expect(lines(live).slice(0, 2)).toEqual(['PUT', key])
      })

      test('txn', async () => {
        const key = fresh('ctl')
        const script = `value("${key}") = "1"\n\nput ${key} yes\n\nput ${key} 1\nget ${key}\n\n`
        expect(lines(await ok(['txn'], script))).toEqual(['FAILURE', 'OK', key, '1'])
        expect(lines(await ok(['txn'], script))).toEqual(['SUCCESS', 'OK'])
        expect(await textOf(current().client, key)).toBe('yes')
      })

      test('lease', async () => {
        const { client } = current()
        const key = fresh('ctl')
        const id = /^lease (\w+) granted with TTL\(300s\)$/.exec(await ok(['lease', 'grant', '300']))![1]!
        await ok(['put', key, '1', `--lease=${id}`])
        expect(await ok(['lease', 'timetolive', id, '--keys'])).toMatch(
          new RegExp(
            `^lease ${id} granted with TTL\\(300s\\), remaining\\(\\d+s\\), attached keys\\(\\[${key}\\]\\)$`,
          ),
        )
        expect(await ok(['lease', 'keep-alive', '--once', id])).toBe(`lease ${id} keepalived with TTL(300)`)
        expect(await ok(['lease', 'list'])).toContain(id)
        expect(await ok(['lease', 'revoke', id])).toBe(`lease ${id} revoked`)
        expect(await textOf(client, key)).toBeUndefined()
      })

      test('lock and elect', async () => {
        const name = fresh('ctl')
        expect(await ok(['lock', name, 'echo', 'held'])).toBe('held')
        expect(lines(await runUntil(['elect', name, 'me'], (text) => /me\n$/.test(text)))[1]).toBe('me')
      })

      test('compact', async () => {
        const { client } = current()
        const key = fresh('ctl')
        const revision = await put(client, key, '1')
        await put(client, key, '2')
        expect(await ok(['compact', String(revision + 1)])).toBe(`compacted revision ${revision + 1}`)
        expect((await run(['get', key, `--rev=${revision}`])).stderr).toMatch(
          /required revision has been compacted/,
        )
      })

      test('endpoint, member, alarm and defrag', async () => {
        expect(
          (await run(['endpoint', 'health'])).stderr + (await run(['endpoint', 'health'])).stdout,
        ).toMatch(/is healthy/)
        const [status] = JSON.parse(await ok(['endpoint', 'status', '-w=json']))
        expect(status.Status.leader).toBe(status.Status.header.member_id)
        expect(lines(await ok(['endpoint', 'hashkv']))[0]).toMatch(/, \d+/)
        expect(await ok(['member', 'list'])).toMatch(/^[0-9a-f]+, started, /)
        expect(await ok(['alarm', 'list'])).toBe('')
        expect(await ok(['defrag'])).toMatch(/Finished defragmenting etcd member/)
        // Each of these dials the endpoint, or every member, by its URL.
        for (const command of [['endpoint', 'status'], ['endpoint', 'hashkv'], ['defrag']]) {
          expect(await ok([...command, '--cluster'])).toContain(new URL(current().endpoint).host)
        }
        const id = (await ok(['member', 'list'])).split(',')[0]!
        expect(await ok(['move-leader', id])).toBe(`Leadership transferred from ${id} to ${id}`)
      })

      test('snapshot', async () => {
        const folder = mkdtempSync(join(tmpdir(), 'livetree-snapshot-'))
        const saved = await run(['snapshot', 'save', join(folder, 'snapshot.db')])
        if (differs(server, 'noSnapshot')) expect(saved.stderr).toMatch(/Unimplemented/)
        else expect(saved.code).toBe(0)
        rmSync(folder, { recursive: true })
      })

      test('auth', async () => {
        const asRoot = '--user=root:pw'
        await ok(['user', 'add', 'root:pw'])
        await ok(['role', 'add', 'root'])
        await ok(['user', 'grant-role', 'root', 'root'])
        await ok(['role', 'add', 'reader'])
        await ok(['role', 'grant-permission', 'reader', 'read', 'pub/', '--prefix=true'])
        await ok(['user', 'add', 'eve:pw'])
        await ok(['user', 'grant-role', 'eve', 'reader'])
        expect(await ok(['auth', 'enable'])).toBe('Authentication Enabled')
        expect((await run(['get', 'pub/a'])).stderr).toMatch(/user name is empty/)
        await ok([asRoot, 'put', 'pub/a', '1'])
        expect(lines(await ok(['--user=eve:pw', 'get', 'pub/', '--prefix']))).toEqual(['pub/a', '1'])
        expect((await run(['--user=eve:pw', 'put', 'pub/a', '2'])).stderr).toMatch(/permission denied/)
        expect((await run(['--user=eve:no', 'get', 'pub/a'])).stderr).toMatch(/authentication failed/)
        expect(await ok([asRoot, 'role', 'get', 'reader'])).toMatch(
          /KV Read:\n\t\[pub\/, pub0\) \(prefix pub\/\)/,
        )
        expect(await ok([asRoot, 'user', 'list'])).toBe('eve\nroot')
        expect(await ok([asRoot, 'auth', 'disable'])).toBe('Authentication Disabled')
      })
    },
    isLongRun ? undefined : ['memory'],
  ),
)
