import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedEtcd } from '@livetree/embedded'
import { expect, inject, onTestFinished, test } from 'vitest'
import { runBounded } from '../../scripts/etcd/run-bounded.ts'
import { eachRealEtcd } from '../support/each-etcd.ts'
import { eachEtcdctl, type Etcdctl } from '../support/etcdctls.ts'
import { makeCertificates } from '../support/make-certificates.ts'
import { patientEtcdctl } from '../support/patient-etcdctl.ts'
import { isLongRun } from '../support/run-length.ts'

/** Every verb that ends by itself, well and badly used, in an order that makes sense; `SELF` is the member's id. */
const verbs = `
put a
put a 1
put a 2 --prev-kv
put a --ignore-value
put b --ignore-value
put a 1 --lease=99
get a
get
get --prefix
get a --rev=99
get a -w json
get a -w fields
get a -w table
del
del nothing
del a --prev-kv
del a --from-key
compaction 1
compaction 99
alarm list
alarm disarm
auth status
auth disable
auth enable
defrag
defrag --cluster
endpoint health
endpoint health --cluster
endpoint health -w json
endpoint status
endpoint status --cluster
endpoint status -w json
endpoint status -w fields
endpoint status -w table
endpoint hashkv
endpoint hashkv --cluster
endpoint hashkv --rev=1
endpoint hashkv --rev=99
endpoint hashkv -w table
lease grant 10
lease grant x
lease grant 9999999999
lease revoke 1234
lease timetolive 1234
lease keep-alive --once 1234
lease list
role add r
role add r
role list
role get r
role get no
role grant-permission r read a
role grant-permission r write b z
role grant-permission r readwrite b --from-key
role grant-permission r readwrite c --prefix
role grant-permission no read a
role get r
role revoke-permission r a
role revoke-permission r zz
role delete no
user add u:pw
user add u:pw
user add n --no-user-password
user get u
user get u --detail
user get no
user list
user grant-role u r
user grant-role u no
user revoke-role u r
user revoke-role u r
user delete u
user delete u
role delete r
member list
member list -w json
member list -w fields
member list -w table
member remove 1234
member update 1234 --peer-urls=http://127.0.0.1:1
member promote 1234
member promote SELF
member remove SELF
member update SELF --peer-urls=http://127.0.0.1:1
member add more --peer-urls=nonsense
move-leader 1234
move-leader SELF
version
`
  .trim()
  .split('\n')
  .map((line) => line.split(' '))

/** There is no such call in 3.4; and it gives no hash of the very revision that was compacted. */
const ofLaterEtcds = ['auth status', 'endpoint hashkv --rev=1']

/** Runs of box-drawing characters, which are as long as what they frame. */
const frames = /[─│┌┐└┘├┤┬┴┼|+-]{2,}/g

/** Output without what is a server's own: ids, addresses, sizes, times and the width of columns. */
const shape = (text: string): string =>
  text
    .split('\n')
    .filter((line) => !line.startsWith('{"level"'))
    .join('\n')
    .replace(/https?:\/\/[\w.:]+/g, 'URL')
    .replace(/\b[0-9a-f]{12,16}\b/g, 'ID')
    .replace(/"(embedded|single)"|\b(embedded|single)\b/g, 'NAME')
    .replace(/\d+(\.\d+)?(µs|ms|s)\b/g, 'TIME')
    .replace(/\d+(\.\d+)? [kM]?B\b/g, 'SIZE')
    .replace(/\b3\.\d+\.\d+\b/g, 'VERSION')
    .replace(
      /("?(hash|HASH|dbSize|dbSizeInUse|DBSize|DBSizeInUse|raftIndex|raftAppliedIndex|RaftIndex|RaftAppliedIndex)"? ?: ?)\d+/g,
      '$1N',
    )
    .replace(/(URL, )\d+$/gm, '$1HASH')
    .replace(/\b\d{7,}\b/g, 'LARGE')
    .replace(frames, '')
    .replace(/[ \t]+/g, ' ')
    // Of a row of endpoint status: the raft term, index and applied index.
    .replace(/(true|false)(, | . )\d+(, | . )\d+\3\d+/g, '$1$2RAFT')

const run = ({ path }: Etcdctl, settings: readonly string[], args: readonly string[]) =>
  runBounded(path, [...patientEtcdctl, ...settings, ...args], {
    timeoutMs: 30_000,
    env: { ...process.env, ETCDCTL_API: '3' },
  })

const runOn = async (etcdctl: Etcdctl, settings: readonly string[], args: readonly string[]) => {
  const { code, stdout, stderr } = await run(etcdctl, settings, args)
  return { code, stdout: shape(stdout), stderr: shape(stderr) }
}

eachEtcdctl('Every verb', (etcdctl) => {
  eachRealEtcd('as on', (etcd) => {
    // In the short run an etcd is asked by its own etcdctl, the newest of them.
    const hasOwn = inject('testedEtcdctls').some(({ version }) => version === etcd.version)
    test.runIf(isLongRun || !hasOwn || etcd.version === etcdctl.version)(
      'embedded: exit code, output and errors',
      async () => {
        const real = await etcd.start()
        await using embedded = await startEmbeddedEtcd()
        const memberIds = new Map<string, string>()
        for (const { endpoint } of [real, embedded]) {
          const listed = await run(etcdctl, [`--endpoints=${endpoint}`], ['member', 'list'])
          memberIds.set(endpoint, listed.stdout.split(',')[0]!)
        }
        const of = (endpoint: string, line: readonly string[]) => {
          const words = line.map((word) => word.replace('SELF', memberIds.get(endpoint)!))
          return runOn(etcdctl, [`--endpoints=${endpoint}`], words)
        }
        const differing: unknown[] = []
        for (const line of verbs) {
          if (etcd.kind === '3.4' && ofLaterEtcds.includes(line.join(' '))) continue
          const [expected, got] = await Promise.all([of(real.endpoint, line), of(embedded.endpoint, line)])
          const isSame = JSON.stringify(expected) === JSON.stringify(got)
          if (!isSame) differing.push({ line: line.join(' '), expected, got })
        }
        expect(differing).toEqual([])
      },
      180_000,
    )
  })

  test.each([
    ['with a client certificate', undefined],
    ['with a password', { rootPassword: 'pw' }],
  ])('over TLS, %s', async (_, auth) => {
    await using certificates = await makeCertificates()
    const { server, client, ca } = certificates
    await using embedded = await startEmbeddedEtcd({
      tls: {
        cert: readFileSync(server.cert),
        key: readFileSync(server.key),
        ...(auth === undefined ? { ca: readFileSync(ca) } : {}),
      },
      ...(auth === undefined ? {} : { auth }),
    })
    const settings = [
      ...[`--endpoints=${embedded.endpoint}`, `--cacert=${ca}`],
      ...(auth === undefined ? [`--cert=${client.cert}`, `--key=${client.key}`] : ['--user=root:pw']),
    ]
    const ok = async (...args: string[]): Promise<string> => {
      const result = await runOn(etcdctl, settings, args)
      if (result.code !== 0) throw new Error(`etcdctl ${args.join(' ')}: ${result.stderr}`)
      return result.stdout
    }
    await ok('put', 'a', '1')
    expect(await ok('get', 'a')).toBe('a\n1\n')
    // etcdctl 3.4 asks for the members without its password.
    const forms = auth !== undefined && etcdctl.version.startsWith('3.4.') ? [[]] : [[], ['--cluster']]
    for (const form of forms) {
      expect(await ok('endpoint', 'status', ...form)).toContain('URL')
      expect(await ok('endpoint', 'hashkv', ...form)).toContain('URL')
      expect(await ok('defrag', ...form)).toContain('URL')
      await ok('endpoint', 'health', ...form)
    }
    if (forms.length === 1) return
    const [id = ''] = (await run(etcdctl, settings, ['member', 'list'])).stdout.split(',')
    await ok('move-leader', id)
  })

  test('snapshot save says that embedded has none', async () => {
    await using embedded = await startEmbeddedEtcd()
    const folder = mkdtempSync(join(tmpdir(), 'livetree-snapshot-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const saved = await runOn(
      etcdctl,
      [`--endpoints=${embedded.endpoint}`],
      ['snapshot', 'save', join(folder, 's')],
    )
    expect(saved.code).not.toBe(0)
    expect(saved.stderr).toMatch(/Unimplemented/)
    const added = await runOn(
      etcdctl,
      [`--endpoints=${embedded.endpoint}`],
      ['member', 'add', 'm', '--peer-urls=http://127.0.0.1:1'],
    )
    expect(added.code).not.toBe(0)
    expect(added.stderr).toMatch(/is one node: no member can be added/)
  })
})
