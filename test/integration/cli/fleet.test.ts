import { createEtcdClient, type EtcdClient, op } from '@livetree/etcd'
import type { InstanceRecord } from 'livetree/fleet'
import { OperationsKeys } from 'livetree/operate'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { CONFIG } from './support/checkout-config.ts'
import { startFleet, type TestFleet } from './support/fleet.ts'
import { makeWorkplace, type Run, type RunOptions, type Workplace } from './support/livetree-process.ts'

const INSTANCES = '/.livetree/instances/'
const keys = new OperationsKeys('/.livetree')

oneEtcd('livetree and the fleet', (etcd) => {
  let client: EtcdClient
  let place: Workplace
  let fleet: TestFleet

  beforeAll(async () => {
    const { endpoint } = await etcd.start()
    client = createEtcdClient({ endpoints: [endpoint] })
    vi.stubEnv('STORE', endpoint)
    place = makeWorkplace(CONFIG, { STORE: endpoint, LIVETREE_AUTHOR: 'ana' })
    fleet = startFleet(endpoint, '/config/checkout')
    await client.kv.put('/config/checkout/base/db/url', 'postgres://u:hunter2@db/shop')
  })
  afterAll(async () => {
    place.remove()
    vi.unstubAllEnvs()
    await fleet[Symbol.asyncDispose]()
    await client.close()
  })

  const ended = async (exitCode: number, args: readonly string[], options?: RunOptions): Promise<Run> => {
    const run = await place.run(args, options)
    expect(run, `${args.join(' ')}: ${run.stderr}`).toMatchObject({ exitCode })
    if (exitCode !== 0) expect(run.stdout).toBe('')
    expect(run.stdout + run.stderr).not.toContain('hunter2')
    return run
  }
  const ok = (args: readonly string[], options?: RunOptions) => ended(0, args, options)
  const json = async <T>(args: readonly string[]) =>
    JSON.parse((await ok([...args, '-o', 'json'])).stdout) as T
  const poolOf = async () => (await client.kv.get('/config/checkout/prod/db/pool/max'))?.text
  const set = (pool: number, ...flags: string[]) =>
    ['set', 'db.pool.max', String(pool), '--overlay', 'prod', ...flags] as const
  /** Writes the record of an instance as no instance does, until the end of the test. */
  const record = async (id: string, more: object, key = keys.instance('shop', id)) => {
    const layers = [{ prefix: '/config/checkout/base' }, { prefix: '/config/checkout/prod' }]
    const text = JSON.stringify({
      ...{ version: 1, name: 'shop', id, schema: 'of-nobody', layers, host: 'by-hand', pid: 1 },
      ...{ startedAt: 0, verdict: 'applied', revision: 1, applied: 1, epoch: 0, state: 'live' },
      ...{ servedFrom: 'sources', at: 0, judgesProposals: 1, ...more },
    })
    await client.kv.put(key, text)
    onTestFinished(async () => void (await client.kv.delete(key)))
  }

  test('where nobody has joined, that is said, and nothing is kept from being written', async () => {
    const none = await ok(['fleet'])
    expect(none.stdout).toBe('')
    expect(none.stderr).toContain('joinFleet(config)')
    expect(await json(['fleet', 'ls'])).toMatchObject({ instances: [], unreadable: [] })
    expect((await ok(['fleet', '-o', 'ndjson'])).stdout).toBe('')
    expect(await json(['fleet', 'status'])).toMatchObject({ outcome: 'applied', answers: [] })
    const written = await ok(set(11, '--preflight', '--wait'))
    expect(written.stderr).toContain('nobody was asked')
    expect(written.stderr).toContain('nobody was waited for')
    await ended(3, ['fleet', 'show', 'web-1'])
  })

  test('each instance is listed and shown, by its id, the beginning of it, or its whole name', async () => {
    await fleet.join('web/1', 200, { appVersion: '2.0.0', labels: { zone: 'eu' } })
    await fleet.join('old-1', 50)
    const { stdout, stderr } = await ok(['fleet'])
    expect(stdout).toMatch(/^NAME +INSTANCE.*\nshop +old-1 .* applied\nshop +web\/1 +\S+ +2\.0\.0 /)
    expect(stderr).toMatch(/2 instances, with 2 different schemas, at revision \d+\./)
    const listed = await json<{ instances: { id: string }[] }>(['fleet'])
    expect(listed.instances.map(({ id }) => id)).toEqual(['old-1', 'web/1'])
    const lines = (await ok(['fleet', 'ls', '-o', 'ndjson'])).stdout.trimEnd().split('\n')
    expect(lines.map((line) => (JSON.parse(line) as InstanceRecord).id)).toEqual(['old-1', 'web/1'])
    for (const name of ['web/1', 'shop/web/1', 'w'])
      expect(await json(['fleet', 'show', name])).toMatchObject({
        id: 'web/1',
        labels: { zone: 'eu' },
        startedAt: expect.stringMatching(/^20.*Z$/),
        layers: [
          { prefix: '/config/checkout/base', at: null },
          { prefix: '/config/checkout/prod', at: null },
        ],
      })
    expect((await ok(['fleet', 'show', 'w'])).stdout).toMatch(/^label +zone=eu$/m)
    const settled = await ok(['fleet', 'status'])
    expect(settled.stdout.split('\n')).toHaveLength(4)
    expect(settled.stderr).toMatch(/All that was written up to revision \d+ is applied by 2 instances\./)
    const offered = (await ok(['complete', '--', 'fleet', 'show', ''])).stdout
    expect(offered).toMatch(/^old-1/m)
    expect((await ok(['complete', '--', 'fleet', 's'])).stdout).toMatch(/^show\b[\s\S]*^status\b/m)
  })

  test.each([
    [64, ['fleet', 'stauts'], 'Did you mean status?'],
    [64, ['fleet', 'ls', 'web/1'], 'fleet show'],
    [64, ['fleet', '--revision', '1'], '--revision'],
    [64, ['fleet', 'show'], "missing required argument 'id'"],
    [64, ['fleet', 'show', 'web/1', 'old-1'], 'too many arguments'],
    [3, ['fleet', 'show', 'wbe/1'], 'Did you mean web/1?'],
    [3, ['fleet', 'show', ''], 'No running instance is named ""'],
    [64, ['fleet', 'status', '--revision', 'last'], 'a whole number'],
    [3, ['fleet', 'status', '--revision', '99999999'], 'revision'],
    [64, ['fleet', 'status', '--timeout', 'soon'], 'Expected a time'],
    [64, ['set', 'db.pool.max', '1', '--overlay', 'prod', '--wait', '--dry-run'], '--wait'],
    [64, ['plan', '-f', 'none.yaml', '--overlay', 'prod', '--wait'], '--wait'],
    [64, ['set', 'db.pool.max', '1', '--overlay', 'prod', '--wait=yes'], '--wait'],
    [64, ['set', 'db.pool.max', '1', '--overlay', 'prod', '--preflght'], '--preflight'],
  ] as const)('exit %i: livetree %j', async (exitCode, args, said) => {
    expect((await ended(exitCode, args)).stderr).toContain(said)
  })

  test('--preflight writes nothing that an instance rejects, whatever the command; --force warns', async () => {
    const { revision } = await json<{ revision: number }>(set(20))
    place.write('pool.yaml', 'db: { pool: { max: 60 } }\n')
    const commands = [
      set(60),
      [...set(60), '--dry-run'],
      ['import', 'pool.yaml', '--overlay', 'prod', '--yes'],
      ['apply', '-f', 'pool.yaml', '--overlay', 'prod', '--yes'],
      ['plan', '-f', 'pool.yaml', '--overlay', 'prod', '--out', 'pool.json'],
    ]
    for (const args of commands) {
      const { stderr } = await ended(6, [...args, '--preflight'])
      expect(stderr).toContain(
        'error: The change is rejected by 1 of 2 instances\n  rejected  shop/old-1 on ',
      )
      expect(stderr).toContain('\n    db.pool.max: ')
      expect(stderr).toContain('\nNothing was written.')
    }
    await ended(64, ['apply', 'pool.json'])
    await ok(['plan', '-f', 'pool.yaml', '--overlay', 'prod', '--out', 'pool.json'])
    await ended(6, ['apply', 'pool.json', '--preflight'])
    expect(await poolOf()).toBe('20')
    const dry = await json<{ preflight: object }>([...set(30), '--preflight', '--dry-run'])
    expect(dry).toMatchObject({
      isDryRun: true,
      preflight: {
        outcome: 'accepted',
        answers: [
          { name: 'shop', id: 'old-1', verdict: 'accepted' },
          { id: 'web/1', verdict: 'accepted' },
        ],
      },
    })
    expect(await poolOf()).toBe('20')
    const forced = await ok([...set(60), '--preflight', '--force'])
    expect(forced.stderr).toMatch(
      /^warning: The change is rejected by 1 of 2 instances; written all the same/,
    )
    expect(await poolOf()).toBe('60')
    const undone = await json<{ verdicts: object }>([
      'rollback',
      '--to',
      String(revision),
      '--yes',
      '--preflight',
      '--wait',
    ])
    expect(undone).toMatchObject({ preflight: { outcome: 'accepted' }, verdicts: { outcome: 'applied' } })
  })

  test('--wait ends with 6 where one rejects, says that it is written, and how it is taken back', async () => {
    await ok([...set(20), '--wait'])
    const { stderr } = await ended(6, [...set(70), '--wait'])
    expect(stderr).toMatch(
      /^Applied 1 change .* at revision (\d+)\.\nerror: Revision \1 is rejected by 1 of 2/,
    )
    expect(stderr).toMatch(
      /rejected {2}shop\/old-1 on .*: revision \d+ stays in service\n {4}db\.pool\.max: /,
    )
    const [, command = ''] = /This takes it back: livetree (.*)/.exec(stderr) ?? []
    expect(await poolOf()).toBe('70')
    expect((await ended(6, ['fleet', 'status'])).stderr).toContain('is rejected by 1 of 2 instances')
    // who does it again has not written, and is told the same
    expect((await ended(6, [...set(70), '--wait'])).stderr).toContain('is rejected by 1 of 2 instances')
    const shown = await ok(['fleet', 'show', 'old-1'])
    expect(shown.stdout).toMatch(/^verdict +rejected at revision \d+/m)
    expect(shown.stdout).toContain('  db.pool.max: ')
    await ok([...command.split(' '), '--yes', '--wait'])
    expect(await poolOf()).toBe('20')
    await ok(['fleet', 'status'])
  })

  test('what needs a restart is said before and after, and a secret is not asked about', async () => {
    const both = ['--overlay', 'prod', '--preflight', '--wait']
    const { stderr } = await ok(['set', 'http.timeoutMs', '900', ...both])
    expect(stderr).toContain(
      'these would go on with the old value of http.timeoutMs: shop/old-1, shop/web/1.',
    )
    expect(stderr).toContain('these go on with the old value of http.timeoutMs: shop/old-1, shop/web/1.')
    expect((await ok(['fleet'])).stdout).toContain('applied; restart for http.timeoutMs')
    const secret = await ok(['set', 'db.url', '-', ...both], { input: 'hunter2-of-prod\n' })
    expect(secret.stderr).toContain('No instance has judged db.url: what may be secret is not sent.')
    await ok(['rollback', '--to', '3', '--only', 'http', '--yes', '--wait'])
  })

  test('an instance that says nothing is named; one that cannot judge is not waited for', async () => {
    await record('cannot', { judgesProposals: 0 })
    const unjudged = await ended(6, [...set(31), '--preflight'])
    expect(unjudged.stderr).toMatch(
      /1 of 3 instances did not say.*\n {2}unjudged {2}shop\/cannot on by-hand: its livetree/,
    )
    await record('mute', {})
    const silent = await ended(6, [...set(31), '--preflight', '--timeout', '1s'])
    expect(silent.stderr).toMatch(/2 of 4 .*\n {2}unjudged .*\n {2}silent {2}shop\/mute on by-hand\n/)
    expect(await poolOf()).toBe('20')
    const pending = await ended(6, [...set(32), '--wait', '--timeout', '1s'])
    expect(pending.stderr).toMatch(
      /2 of 4 instances did not apply revision \d+ within 1 s\n {2}pending {2}shop\/cannot/,
    )
    const [, command = ''] = /wait on: livetree (.*)/.exec(pending.stderr) ?? []
    const late = await ended(6, [...command.split(' '), '--timeout', '1s'])
    expect(late.stderr).toContain('2 of 4 instances did not apply what was written')
  })

  test('Ctrl-C while it waits says that the change is written; one that leaves is not waited for', async () => {
    await record('mute', {})
    const waiting = await ended(130, [...set(33), '--wait'], {
      onOutput: (text, kill) => text.includes('Applied') && setImmediate(kill, 'SIGINT'),
    })
    expect(waiting.stderr).toMatch(
      /error: Interrupted, while the instances were waited for\nThe change is written, at revision \d+/,
    )
    expect(waiting.stderr).not.toContain('Nothing was written')
    expect(await poolOf()).toBe('33')
    const asking = place.run([...set(34), '--preflight'])
    await vi.waitUntil(async () => (await client.kv.count({ prefix: '/.livetree/proposals/' })) > 0, 20_000)
    await client.kv.delete(`${INSTANCES}shop/mute`)
    expect(await asking).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('; 1 left meanwhile') })
  })

  test('whatever stands among the records is shown as text, or said to be unreadable', async () => {
    const evil = '\u001b[31m\u202e'
    await record(`a${evil}`, {
      ...{
        host: `h${evil}`,
        appVersion: `v${evil}`,
        labels: { [`l${evil}`]: evil },
      },
      ...{
        verdict: 'rejected',
        needsRestart: [`p${evil}`],
        moreIssues: 7,
        applied: 0,
        revision: 2 ** 53 - 1,
      },
      issues: [{ path: `p${evil}`, message: `m${evil}\n${evil}`, code: 'c', keys: [`k${evil}`] }],
    })
    await record('forged', {}, `${INSTANCES}shop/another`)
    await record('newer', { version: 2 })
    await record('timeless', { at: 1e300, startedAt: -1e300 })
    for (const [name, text] of [
      ['bytes', Buffer.from([0xff, 0])],
      ['deep', '['.repeat(10_000)],
      ['empty', ''],
    ] as const) {
      await client.kv.put(`${INSTANCES}shop/${name}`, text)
      onTestFinished(async () => void (await client.kv.delete(`${INSTANCES}shop/${name}`)))
    }
    for (const args of [['fleet'], ['fleet', 'show', 'a'], ['fleet', 'show', 'a', '-o', 'json']]) {
      const { stdout, stderr } = await ok(args)
      expect(['\u001b', '\u202e'].filter((sign) => (stdout + stderr).includes(sign))).toEqual([])
      expect(stderr).toContain('6 records of instances cannot be read here')
    }
    expect(await json(['fleet', 'show', 'a'])).toMatchObject({ id: `a${evil}`, host: `h${evil}` })
    const { stderr } = await ended(6, ['fleet', 'status', '--timeout', '1s'])
    expect(['\u001b', '\u202e'].filter((sign) => stderr.includes(sign))).toEqual([])
  })

  test('200 instances that reject for one reason are shown as one reason', async () => {
    const layers = [{ prefix: '/config/checkout/prod' }]
    const issues = [{ path: 'db.pool.max', message: 'Too big', code: 'too_big', keys: [] }]
    const { header } = await client.kv.put('/elsewhere', '')
    const ids = Array.from({ length: 200 }, (_, index) => `many-${index}`)
    const puts = ids.map((id) =>
      op.put(
        `${INSTANCES}shop/${id}`,
        JSON.stringify({
          ...{ version: 1, name: 'shop', id, schema: 's', layers, host: 'h', pid: 1, startedAt: 0, at: 0 },
          ...{
            verdict: 'rejected',
            revision: header.revision,
            applied: 1,
            epoch: 0,
            state: 'live',
            servedFrom: 'sources',
          },
          issues,
        }),
      ),
    )
    for (const start of [0, 100])
      await client.kv
        .txn()
        .then(...puts.slice(start, start + 100))
        .commit()
    onTestFinished(async () => void (await client.kv.deleteRange({ prefix: `${INSTANCES}shop/many-` })))
    const { stderr } = await ended(6, ['fleet', 'status'])
    expect(stderr.split('\n').length).toBeLessThan(20)
    expect(stderr).toContain('rejected  and 190 more')
    expect((await ok(['fleet'])).stdout.split('\n')).toHaveLength(204)
    const ambiguous = await ended(64, ['fleet', 'show', 'many'])
    expect(ambiguous.stderr).toContain('and 190 more')
  })
})
