import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { EtcdServer } from '../../support/start-etcd.ts'
import { oneEtcd } from '../../support/each-etcd.ts'
import { waitFor } from '../../support/wait-for.ts'
import { CONFIG } from './support/checkout-config.ts'
import { BIN, makeWorkplace, type Run, type Workplace } from './support/livetree-process.ts'

oneEtcd('livetree, the command', (etcd) => {
  let server: EtcdServer
  let place: Workplace

  beforeAll(async () => {
    server = await etcd.start()
    vi.stubEnv('STORE', server.endpoint)
    place = makeWorkplace(CONFIG, { STORE: server.endpoint, LIVETREE_AUTHOR: 'ana' })
    const seeded = await place.run(['set', 'db.url', '-', '--overlay', 'base', '-m', 'first'], {
      input: 'postgres://u:hunter2@db/shop\n',
    })
    expect(seeded, seeded.stderr).toMatchObject({ exitCode: 0, stdout: '+ db.url  [secret]\n' })
  })
  afterAll(() => {
    place.remove()
    vi.unstubAllEnvs()
  })

  const ok = async (args: readonly string[], input?: string): Promise<Run> => {
    const run = await place.run(args, input === undefined ? {} : { input })
    expect(run, `${args.join(' ')}: ${run.stderr}`).toMatchObject({ exitCode: 0 })
    return run
  }
  const json = async <T>(args: readonly string[]): Promise<T> =>
    JSON.parse((await ok([...args, '-o', 'json'])).stdout) as T
  const fails = async (exitCode: number, args: readonly string[], input?: string): Promise<string> => {
    const run = await place.run(args, input === undefined ? {} : { input })
    expect(run, args.join(' ')).toMatchObject({ exitCode, stdout: '' })
    expect(run.stderr).not.toContain('hunter2')
    return run.stderr
  }

  test('what set writes, get reads; tree and explain say where it is from', async () => {
    const set = await json<{ revision: number; changes: { path: string; after: string }[] }>([
      ...['set', 'db.pool.max', '20', '--overlay', 'prod', '-m', 'sale on Friday'],
    ])
    expect(set.changes).toMatchObject([{ path: 'db.pool.max', after: '20' }])
    await ok(['set', 'http.hosts', '[a, "b c"]', '--overlay', 'base'])
    await ok(['set', 'features', '{ newCart: true }', '--overlay', 'base'])
    const [max, hosts, url, revealed, tree, explained, old] = await Promise.all([
      ok(['get', 'db.pool.max']),
      json(['get', 'http.hosts']),
      ok(['get', 'db.url']),
      ok(['get', 'db.url', '--reveal']),
      json<{ path: string; layer: string; value: unknown }[]>(['tree']),
      json<object>(['explain', 'db.pool.max']),
      ok(['get', 'db.pool.max', '--revision', String(set.revision - 1)]),
    ])
    expect(max.stdout).toBe('20\n')
    expect(hosts).toEqual(['a', 'b c'])
    expect(url.stdout).toBe('[secret]\n')
    expect(revealed.stdout).toBe('postgres://u:hunter2@db/shop\n')
    expect(old.stdout).toBe('10\n')
    expect(tree).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ path: 'db.pool.max', value: 20, layer: 'etcd:/config/checkout/prod' }),
        expect.objectContaining({ path: 'features.newCart', value: true }),
        expect.objectContaining({ path: 'http.timeoutMs', value: 2_000, layer: 'default' }),
        expect.objectContaining({ path: 'db.url', value: '[secret]' }),
      ]),
    )
    expect(explained).toMatchObject({
      value: 20,
      takes: 'integer',
      layers: [{ key: '/config/checkout/prod/db/pool/max' }],
    })
    expect(await json<object[]>(['history', 'db.pool.max'])).toMatchObject([
      { author: 'ana', message: 'sale on Friday', changes: [{ path: 'db.pool.max' }] },
    ])
  })

  test('plan, apply, rollback: the tree is as it was', async () => {
    const before = await ok(['tree', '-o', 'json'])
    const { changes: _, revision } = await json<{ changes: object[]; revision: number }>([
      'set',
      'http.timeoutMs',
      '700',
      '--overlay',
      'base',
    ])
    place.write(
      'ten.yaml',
      `http: { timeoutMs: 800 }\nfeatures: { ${[...'abcdefghi'].map((name) => `${name}: true`).join(', ')} }\n`,
    )
    const planned = await ok(['plan', '-f', 'ten.yaml', '--overlay', 'base', '--out', 'plan.json'])
    expect(planned.stdout.split('\n')).toHaveLength(11)
    expect(planned.stdout).toContain('~ http.timeoutMs  700 → 800')
    expect(planned.stderr).toContain('10 changes in /config/checkout/base: 9 added, 1 changed')
    expect((await place.run(['plan', '-f', 'ten.yaml', '--overlay', 'base', '--exit-code'])).exitCode).toBe(2)
    const applied = await json<{ changes: object[]; revision: number }>(['apply', 'plan.json', '-m', 'ten'])
    expect(applied.changes).toHaveLength(10)
    expect((await ok(['plan', '-f', 'ten.yaml', '--overlay', 'base', '--exit-code'])).stdout).toBe('')
    expect(await json<object[]>(['diff', `rev:${revision}`, 'live'])).toHaveLength(10)
    expect((await place.run(['diff', `rev:${revision}`, 'live', '--exit-code'])).exitCode).toBe(2)
    expect(await fails(64, ['rollback', '--to', String(revision - 1), '--allow-removal'])).toContain('--yes')
    await ok(['rollback', '--to', String(revision - 1), '--yes', '--allow-removal'])
    const values = (run: Run) =>
      (JSON.parse(run.stdout) as { path: string; value: unknown }[]).map(({ path, value }) => [path, value])
    expect(values(await ok(['tree', '-o', 'json']))).toEqual(values(before))
  })

  test('a saved plan whose keys moved is a conflict that names both; an unrelated key does not matter', async () => {
    place.write('one.yaml', 'db: { pool: { max: 33 } }\n')
    await ok(['plan', '-f', 'one.yaml', '--overlay', 'prod', '--out', 'one.json'])
    await ok(['set', 'features.other', 'true', '--overlay', 'prod'])
    place.write('two.yaml', 'db: { pool: { max: 34 } }\n')
    await ok(['plan', '-f', 'two.yaml', '--overlay', 'prod', '--out', 'two.json'])
    await ok(['apply', 'one.json'])
    await fails(4, ['apply', 'two.json', '--dry-run'])
    await fails(4, ['set', 'db.pool.max', '35', '--overlay', 'prod', '--if-revision', '1', '--dry-run'])
    const said = await fails(4, ['apply', 'two.json'])
    expect(said).toContain('is 33 now; this change sets 34')
    expect(said).toContain('ana')
    expect(said).toContain('/config/checkout/prod/db/pool/max')
    const { revision } = await json<{ revision: number }>(['get', 'db.pool.max']).then(() =>
      json<{ revision: number }>(['explain', 'db.pool.max']),
    )
    expect(
      await fails(4, [
        'set',
        'db.pool.max',
        '35',
        '--overlay',
        'prod',
        '--if-revision',
        String(revision - 3),
      ]),
    ).toContain('33')
  })

  test('import and export give the same back; a dry run writes nothing', async () => {
    place.write(
      'seed.json',
      JSON.stringify({ features: { 'a-b': true, x: false }, http: { timeoutMs: 1_500 } }),
    )
    const dry = await json<{ isDryRun: boolean; changes: object[] }>([
      'import',
      'seed.json',
      '--overlay',
      'base',
      '--dry-run',
    ])
    expect(dry.isDryRun).toBe(true)
    await ok(['import', 'seed.json', '--overlay', 'base', '--yes'])
    const exported = await json<{ features: object; http: object }>(['export', '--overlay', 'base'])
    expect(exported).toMatchObject({ features: { 'a-b': true, x: false }, http: { timeoutMs: 1_500 } })
    const text = await ok(['export', '--format', 'yaml'])
    expect(text.stdout).not.toContain('hunter2')
    expect(text.stderr).toContain('db.url')
    await server.etcdctl(['put', '/config/checkout/base/features/100%zz', 'true'])
    expect((await ok(['export', '--overlay', 'base'])).stderr).toContain(
      'Left out, since it is no text: /config/checkout/base/features/100%zz.',
    )
    await server.etcdctl(['del', '/config/checkout/base/features/100%zz'])
    place.write('all.yaml', (await ok(['export', '--reveal'])).stdout)
    expect((await ok(['diff', 'live', 'file:all.yaml'])).stdout).toBe('')
    expect(
      (await ok(['export', '--format', 'dotenv', '--variable-prefix', 'SHOP_', '--overlay', 'base'])).stdout,
    ).toContain('SHOP_HTTP__TIMEOUT_MS=1500\n')
    expect(await fails(64, ['export', '-o', 'ndjson'])).toContain('ndjson')
  })

  test('unset takes one key away, and a subtree only with --recursive and a yes', async () => {
    await ok(
      ['import', '-', '--overlay', 'prod', '--yes'],
      'features: { one: true, two: true }\nhttp: { timeoutMs: 99 }\n',
    )
    expect(await fails(64, ['unset', 'features', '--overlay', 'prod'])).toContain('--recursive')
    expect(await fails(64, ['unset', 'features', '--overlay', 'prod', '--recursive'])).toContain('--yes')
    const gone = await json<{ changes: { type: string }[] }>([
      'unset',
      'features',
      '--overlay',
      'prod',
      '--recursive',
      '--yes',
    ])
    expect(gone.changes.every(({ type }) => type === 'removed')).toBe(true)
    expect((await ok(['unset', 'http.timeoutMs', '--overlay', 'prod'])).stdout).toContain(
      '- http.timeoutMs  99  (then ',
    )
    expect(await fails(3, ['unset', 'http.timeoutMs', '--overlay', 'prod'])).toContain(
      'nothing at "http.timeoutMs"',
    )
  })

  test('what goes wrong: the exit code, the reason, the way out; stdout stays empty', async () => {
    const cases: readonly (readonly [code: number, args: readonly string[], said: string])[] = [
      [3, ['get', 'db.pol.max'], 'Did you mean db.pool.max?'],
      [3, ['get', 'pool.max'], 'Did you mean db.pool.max?'],
      [3, ['get', 'features.nothing'], 'There is nothing at "features.nothing"'],
      [3, ['get', 'db.pool.max', '--revision', '999999'], '999999'],
      [5, ['set', 'db.pool.max', 'ten', '--overlay', 'prod'], '/config/checkout/prod/db/pool/max'],
      [5, ['set', 'http.hosts', 'a', '--overlay', 'prod'], 'expected a list'],
      [5, ['set', 'features', '[', '--overlay', 'prod'], 'no YAML'],
      [3, ['set', 'db.pool.maxx', '1', '--overlay', 'prod'], 'Did you mean db.pool.max?'],
      [64, ['set', 'db.pool.max', '1'], '--overlay: base, prod'],
      [64, ['set', 'db.pool.max', '1', '--overlay', 'prd'], 'Did you mean prod?'],
      [64, ['set', 'db.url', 'postgres://u:hunter2@x', '--overlay', 'prod'], '@FILE'],
      [64, ['set', 'db.pool.max', '@missing', '--overlay', 'prod'], 'There is no file missing'],
      [64, ['set', 'db.pool.max', '1', '--overlay', 'prod', '--timeout', 'soon'], '10s, 500ms or 2m'],
      [64, ['get', 'db', '--revison', '3'], 'Did you mean --revision?'],
      [64, ['get', 'db', '-o', 'xml'], 'table, json, yaml, ndjson'],
      [64, ['gte', 'db'], 'Did you mean get?'],
      [64, ['get'], "missing required argument 'path'"],
      [64, [], 'No command was given'],
      [64, ['console', '--port', '99999'], 'from 0 to 65535'],
      [64, ['diff', 'live', 'rev:x'], 'rev:N'],
      [64, ['apply', 'livetree.config.ts'], 'not a saved plan'],
      [64, ['apply'], '--out PLAN'],
      [64, ['tree', '--config', 'nothing.ts'], 'there is no such file'],
      [64, ['tree', '--config', '#chekout'], 'It exports: default'],
      [64, ['tree', '--user', 'ana:hunter2'], 'LIVETREE_PASSWORD'],
      [64, ['tree', '--cert', 'x.pem'], '--key is missing'],
      [64, ['tree', '--overlays', 'a'], '--overlays needs --root'],
      [8, ['tree', '--endpoints', 'http://127.0.0.1:1', '--timeout', '2s'], '127.0.0.1:1'],
      [64, ['history', '--limit', '0'], 'whole number'],
      [64, ['completion', 'tcsh'], 'bash, zsh, fish, powershell'],
      [64, ['init'], 'livetree.config.ts is there already'],
    ]
    for (let index = 0; index < cases.length; index += 6)
      await Promise.all(
        cases
          .slice(index, index + 6)
          .map(async ([code, args, said]) => expect(await fails(code, args), args.join(' ')).toContain(said)),
      )
  })

  test('-o json of every command is JSON, and ndjson one document a line', async () => {
    place.write('v.yaml', 'db: { url: x }\n')
    const commands: readonly (readonly string[])[] = [
      ['tree'],
      ['get', 'http'],
      ['explain', 'http'],
      ['history'],
      ['check'],
      ['doctor'],
      ['export'],
      ['validate', 'v.yaml'],
      ['diff', 'overlay:base', 'overlay:prod'],
      ['schema', 'print'],
      ['schema', 'docs'],
      ['schema', 'diff', 'schema.json'],
      ['completion', 'bash'],
      ['set', 'http.timeoutMs', '5', '--overlay', 'prod', '--dry-run'],
      ['unset', 'db.url', '--overlay', 'base', '--dry-run', '--force'],
      ['plan', '-f', 'v.yaml', '--overlay', 'prod'],
      ['apply', '-f', 'v.yaml', '--overlay', 'prod', '--dry-run'],
      ['import', 'v.yaml', '--overlay', 'prod', '--dry-run'],
      ['rollback', '--to', '2', '--dry-run'],
      ['fleet', 'ls'],
      ['fleet', 'status'],
    ]
    place.write('schema.json', (await ok(['schema', 'print'])).stdout)
    for (let index = 0; index < commands.length; index += 6)
      await Promise.all(
        commands.slice(index, index + 6).map(async (args) => {
          expect(await json(args), args.join(' ')).toBeTypeOf('object')
          if (args[0] === 'export') return
          for (const line of (await ok([...args, '-o', 'ndjson'])).stdout.split('\n').slice(0, -1))
            JSON.parse(line)
        }),
      )
  })

  test('check and validate are gates: a tree or a file that this code refuses ends with 5', async () => {
    expect((await ok(['check'])).stdout).toContain('accepted')
    place.write('good.yaml', 'db: { url: x, pool: { max: 5 } }\n')
    place.write('bad.yaml', 'db: { pool: { max: 500 } }\n')
    expect((await ok(['validate', 'good.yaml'])).stderr).toContain('accepts good.yaml')
    expect((await ok(['validate', '-'], 'db: { url: x }\n')).stderr).toContain('accepts stdin')
    const refused = await fails(5, ['validate', 'bad.yaml'])
    expect(refused).toContain('db.pool.max')
    expect(refused).toContain('db.url')
    await server.etcdctl(['put', '/config/checkout/prod/db/pool/max', 'ten'])
    expect(await fails(5, ['check'])).toContain('/config/checkout/prod/db/pool/max')
    const shown = await ok(['get', 'db.pool.max'])
    expect(shown.stdout).toBe('ten\n')
    expect(shown.stderr).toContain('refuses the tree')
    await ok(['set', 'db.pool.max', '12', '--overlay', 'prod'])
  })

  test('a root that holds nothing is named: its defaults look like a tree that nobody has changed', async () => {
    const misspelt = ['--root', '/config/chekcout', '--overlays', 'base']
    const told = 'No key is stored below /config/chekcout/base'
    expect((await ok(['tree', ...misspelt])).stderr).toContain(told)
    expect(await fails(3, ['get', 'db.pool.max', ...misspelt])).toContain(told)
    expect(await fails(5, ['check', ...misspelt])).toContain(told)
    expect((await ok(['tree'])).stderr).not.toContain('No key is stored')
  })

  test('watch shows each change with who made it, by pipe and to a closed reader', async () => {
    let isSent = false
    const watching = place.run(['watch', 'features', '--limit', '2', '-o', 'ndjson'], {
      onOutput: (text) => {
        if (isSent || !text.includes('Watching')) return
        isSent = true
        void ok(['set', 'features.seen', 'true', '--overlay', 'prod', '-m', 'for the watch']).then(() =>
          server.etcdctl(['put', '/config/checkout/base/features/seen', 'false']),
        )
      },
    })
    const lines = (await watching).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object)
    expect(lines).toMatchObject([
      { type: 'recorded', author: 'ana', message: 'for the watch', path: 'features.seen' },
      { type: 'unrecorded', path: 'features.seen' },
    ])
  })

  test('console serves the tree to who has its address, until it is interrupted', async () => {
    let isAsked = false
    const answers: Promise<Response>[] = []
    const directories = '/config/checkout/base,/config/checkout/staging'
    // It stands in for the program that opens a browser, and notes what it gets.
    const folder = mkdtempSync(join(tmpdir(), 'livetree-open-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const noting = `#!/bin/sh\nstat -c %a "$1" > ${folder}/mode\ncat "$1" > ${folder}/page\necho "$@" > ${folder}/new\nmv ${folder}/new ${folder}/args\n`
    writeFileSync(join(folder, 'xdg-open'), noting, { mode: 0o755 })
    const before = process.env['PATH']
    vi.stubEnv('PATH', `${folder}:${before}`)
    onTestFinished(() => void vi.stubEnv('PATH', before))
    const noted = (name: string) => readFileSync(join(folder, name), 'utf8').trim()
    let url = ''
    const run = await place.run(['console', '--read-only', '--open', '--compare', directories], {
      onOutput(text, kill) {
        if (isAsked || !text.includes('Ctrl-C')) return
        isAsked = true
        const [, address = '', token = ''] = /^(http:\S+)#token=(\S+)\n/.exec(text) ?? []
        url = `${address}#token=${token}`
        const sent = ['', token].map((each) =>
          fetch(`${address}api/session`, { headers: { authorization: `Bearer ${each}` } }),
        )
        answers.push(...sent)
        const opened = waitFor(() => existsSync(join(folder, 'args')), { what: 'the browser' })
        void Promise.allSettled([...sent, opened]).then(() => kill('SIGINT'))
      },
    })
    expect(run).toMatchObject({ exitCode: 130, stderr: expect.stringContaining('read-only') })
    expect(noted('args')).not.toContain('token')
    expect([noted('mode'), noted('page').includes(`url=${url}"`)]).toEqual(['600', true])
    expect(existsSync(noted('args'))).toBe(false)
    const [refused, session] = await Promise.all(answers)
    expect(refused?.status).toBe(401)
    expect(await session?.json()).toMatchObject({
      name: 'checkout',
      user: 'ana',
      canWrite: false,
      environments: [{ name: 'staging', layers: [{ name: 'base' }, { name: 'staging' }] }],
    })
    for (const args of [
      ['--port', '70000'],
      ['--port', 'http'],
      ['--hots', 'a'],
      ['--compare', '/'],
      ['--compare', '/x/a', '--compare', '/y/a'],
    ])
      await fails(64, ['console', ...args])
  })

  test('watch refuses a path that the schema does not know, and says where it waits for one', async () => {
    expect(await fails(3, ['watch', 'db.pol.max'])).toContain('Did you mean db.pool.max?')
    let isSent = false
    const run = await place.run(['watch', 'features.toCome', '--limit', '1'], {
      onOutput: (text) => {
        if (isSent || !text.includes('Watching features.toCome')) return
        isSent = true
        void ok(['set', 'features.toCome', 'true', '--overlay', 'prod'])
      },
    })
    expect(run).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('waits for it') })
    expect(run.stdout).toContain('+ features.toCome')
  })

  test('of a file with several documents one is chosen, counted from 1 everywhere', async () => {
    place.write('two.yaml', 'features: { first: true }\n---\nfeatures: { second: true }\n')
    const layer = ['--overlay', 'prod']
    for (const args of [
      ['import', 'two.yaml', ...layer],
      ['plan', '-f', 'two.yaml', ...layer],
      ['apply', '-f', 'two.yaml', ...layer],
      ['diff', 'file:two.yaml', 'live'],
    ]) {
      const said = await fails(64, args)
      expect(said, args.join(' ')).toContain('2 documents: choose one by its number, --document, from 1 to 2')
      for (const beyond of ['3', '0']) await fails(64, [...args, '--document', beyond])
    }
    const planned = (args: readonly string[]) => json<{ changes: { path: string }[] }>(args)
    const dry = [...layer, '--dry-run', '--document']
    for (const [document, path] of [
      ['1', 'features.first'],
      ['2', 'features.second'],
    ] as const) {
      const [imported, plan, applied] = [
        await planned(['import', 'two.yaml', ...dry, document]),
        await planned(['plan', '-f', 'two.yaml', ...layer, '--document', document]),
        await planned(['apply', '-f', 'two.yaml', ...dry, document]),
      ]
      for (const { changes } of [imported, plan, applied]) expect(changes).toMatchObject([{ path }])
      const differences = await json<{ path: string; type: string }[]>([
        'diff',
        'overlay:prod',
        'file:two.yaml',
        '--document',
        document,
      ])
      expect(differences).toContainEqual(expect.objectContaining({ type: 'added', path }))
    }
    expect(await fails(64, ['diff', 'live', 'rev:1', '--document', '1'])).toContain('--document')
    place.write('x.env', 'FEATURES__X=true\n')
    expect(await fails(64, ['import', 'x.env', ...layer, '--document', '1'])).toContain('--document')
    expect(
      await fails(64, ['import', 'two.yaml', ...layer, '--document', '1', '--variable-prefix', 'X_']),
    ).toContain('--variable-prefix')
  })

  test('a saved plan refuses flags that it would not heed, and leaves variables for other commands', async () => {
    place.write('heed.yaml', 'features: { heeded: true }\n')
    await ok(['plan', '-f', 'heed.yaml', '--overlay', 'prod', '--out', 'heed.json'])
    for (const flags of [
      ['--overlay', 'base'],
      ['--layer', '/config/checkout/base'],
      ['--prune'],
      ['--format', 'json'],
      ['--document', '1'],
    ])
      expect(await fails(64, ['apply', 'heed.json', ...flags])).toContain(
        `takes no ${flags[0]} with a saved plan`,
      )
    const run = await place.run(['apply', 'heed.json'], { env: { LIVETREE_OVERLAY: 'base' } })
    expect(run, run.stderr).toMatchObject({ exitCode: 0 })
    expect(run.stderr).toContain('/config/checkout/prod')
  })

  test('SIGINT ends a command with 130', async () => {
    let isKilled = false
    const run = await place.spawn(['watch'], {
      onOutput: (text, kill) => {
        if (isKilled || !text.includes('Watching')) return
        isKilled = true
        kill('SIGINT')
      },
    })
    expect(run).toMatchObject({ exitCode: 130, stdout: '' })
  })

  test('the time is over: 124', async () => {
    expect(
      await fails(124, ['set', 'features.late', '-', '--overlay', 'prod', '--timeout', '1ms'], 'true'),
    ).toContain('--timeout')
  })

  test('a command ends by itself, and one that something holds up is ended', async () => {
    // Whoever calls process.exit() may wait forever for a thread of V8 (nodejs/node#54918).
    place.write(
      'seen-exit.mjs',
      "const exit = process.exit\nprocess.exit = (...given) => (process.stderr.write('EXIT'), exit(...given))\n",
    )
    const env = { NODE_OPTIONS: `--import ${join(place.folder, 'seen-exit.mjs')}` }
    for (const args of [['get', 'db.pool.max'], ['tree'], ['get', 'nothing.there']]) {
      const { exitCode, stderr } = await place.spawn(args, { env })
      expect({ args, exitCode, isForced: stderr.includes('EXIT') }).toEqual({
        args,
        exitCode: args[1] === 'nothing.there' ? 3 : 0,
        isForced: false,
      })
    }
    place.write(
      'held.config.ts',
      `setInterval(() => {}, 1_000)\nexport { default } from './livetree.config.ts'\n`,
    )
    const held = await place.spawn(['get', 'db.pool.max', '--config', 'held.config.ts'], { env })
    expect(held).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('EXIT') })
  })

  test('each command as a process: data on stdout and nothing of what the file of the user prints', async () => {
    place.write('p.yaml', 'http: { timeoutMs: 5 }\n')
    const commands: readonly (readonly string[])[] = [
      ['tree'],
      ['get', 'http'],
      ['explain', 'http'],
      ['history'],
      ['check'],
      ['doctor'],
      ['export'],
      ['diff', 'overlay:base', 'overlay:prod'],
      ['schema', 'print'],
      ['plan', '-f', 'p.yaml', '--overlay', 'prod'],
      ['set', 'features.spawned', 'true', '--overlay', 'prod'],
    ]
    for (let index = 0; index < commands.length; index += 4)
      await Promise.all(
        commands.slice(index, index + 4).map(async (args) => {
          const run = await place.spawn([...args, '-o', 'json'])
          expect(run, `${args.join(' ')}: ${run.stderr}`).toMatchObject({ exitCode: 0 })
          expect(JSON.parse(run.stdout)).toBeTypeOf('object')
          expect(run.stderr).toContain('a banner')
        }),
      )
    expect(await place.spawn(['get', 'nothing'])).toMatchObject({ exitCode: 3, stdout: '' })
  })

  describe('on a terminal', () => {
    test('colours, a question, and its answers', async () => {
      const seen = await place.runOnTerminal(['tree', 'db'])
      expect(seen.exitCode).toBe(0)
      expect(seen.stdout).toContain('\u001b[1mPATH')
      const plain = await place.runOnTerminal(['tree', 'db'], { env: { NO_COLOR: '1' } })
      expect(plain.stdout).not.toContain('\u001b[')
      const no = await place.runOnTerminal(['import', 'good.yaml', '--overlay', 'prod'], { input: 'n\n' })
      expect(no.stdout).toContain('Apply ')
      expect(no.exitCode).toBe(130)
      const end = await place.runOnTerminal(['import', 'good.yaml', '--overlay', 'prod'], {
        input: '\u0004',
        inputAfter: '[y/N]',
      })
      expect(end, end.stdout).toMatchObject({ exitCode: 130 })
      expect(end.stdout).toContain('Nothing was written')
      const yes = await place.runOnTerminal(['import', 'good.yaml', '--overlay', 'prod'], { input: 'y\n' })
      expect(yes, yes.stdout).toMatchObject({ exitCode: 0 })
      const none = await place.runOnTerminal([
        'import',
        'bad.yaml',
        '--overlay',
        'base',
        '--no-input',
        '--force',
      ])
      expect(none, none.stdout).toMatchObject({ exitCode: 64 })
    })

    test('nothing that a value or a key holds reaches the terminal raw', async () => {
      const evil = '/config/checkout/prod/db/url'
      await server.etcdctl(['put', evil, 'a\u001b]0;owned\u0007\u001b[31mb\u009bc'])
      await server.etcdctl(['put', '/config/checkout/base/features/x\u001b[2J', 'true'])
      const commands = [
        ['get', 'db.url', '--reveal'],
        ['tree', '--reveal'],
        ['history'],
        ['export', '--reveal'],
        ['tree', '--reveal', '-o', 'json'],
        ['get', 'db', '--reveal', '-o', 'yaml'],
      ]
      await Promise.all(
        commands.map(async (args) => {
          const { stdout } = await place.runOnTerminal(args)
          for (const raw of ['\u001b]', '\u001b[2J', '\u0007', '\u009b', '\u001b[31mb'])
            expect(stdout.includes(raw), `${args.join(' ')}: ${JSON.stringify(raw)}`).toBe(false)
        }),
      )
      const exact = await place.spawn(['get', 'db.url', '--reveal'])
      expect(exact.stdout).toBe('a\u001b]0;owned\u0007\u001b[31mb\u009bc\n')
      await server.etcdctl(['del', '/config/checkout/base/features/x\u001b[2J'])
    })

    test('edit shows one layer in an editor, and applies what was changed there', async () => {
      await ok(['set', 'http.timeoutMs', '1500', '--overlay', 'base'])
      const edited = await place.runOnTerminal(['edit', '--overlay', 'base', '--yes'], {
        env: { EDITOR: "sed -i 's/1500/1600/'", VISUAL: '' },
      })
      expect(edited, edited.stdout).toMatchObject({ exitCode: 0 })
      expect((await ok(['get', 'http.timeoutMs'])).stdout).toBe('1600\n')
      expect((await ok(['get', 'db.url'])).stdout).toBe('[secret]\n')
      expect(await fails(64, ['edit', '--overlay', 'base'])).toContain('terminal')
    })

    /** An editor that does with each opening what the next line of a script says; `$1` is the file. */
    const editing = async (name: string, steps: readonly string[], args: readonly string[] = []) => {
      place.write(`${name}.count`, '')
      const cases = steps.map((step, index) => `${index}) ${step} ;;`).join('\n')
      const count = `"$(wc -c < ${place.folder}/${name}.count)"`
      const script = `echo =OPENED=; echo "at $1 ."; cat "$1"; echo =END=\ncase ${count} in\n${cases}\nesac\nprintf x >> ${place.folder}/${name}.count\n`
      place.write(`${name}.sh`, script)
      const run = await place.runOnTerminal(['edit', '--overlay', 'prod', '--yes', ...args], {
        env: { EDITOR: `sh ${place.folder}/${name}.sh`, VISUAL: '' },
      })
      const shown = run.stdout.split('=OPENED=').slice(1)
      const kept = /kept in (\S+)/.exec(run.stdout)?.[1]
      return { ...run, shown, kept: kept === undefined ? undefined : readFileSync(kept, 'utf8') }
    }

    test('edit opens again what is refused, with the reason above it, until it is right', async () => {
      await ok(['set', 'http.timeoutMs', '1500', '--overlay', 'prod'])
      const run = await editing(
        'mended',
        [
          `printf 'http:\\n  timeoutMs: [broken\\n' > "$1"`,
          `sed -i 's/.broken/soon/' "$1"`,
          `sed -i 's/soon/1700/' "$1"`,
        ],
        ['--allow-removal'],
      )
      expect(run, run.stdout).toMatchObject({ exitCode: 0, kept: undefined })
      expect(run.shown).toHaveLength(3)
      expect(run.shown[1]).toContain('# livetree: The text cannot be read: it is no YAML')
      expect(run.shown[1]).toContain('timeoutMs: [broken')
      expect(run.shown[2]).toContain('# livetree:   http.timeoutMs: ')
      expect(run.shown[2]).toContain('timeoutMs: soon')
      expect(run.shown[2]).not.toContain('no YAML')
      expect((await ok(['get', 'http.timeoutMs'])).stdout).toBe('1700\n')
      const file = /at (\S+) \./.exec(run.stdout)?.[1]
      expect(file).toMatch(/livetree-edit-/)
      expect(existsSync(file ?? '')).toBe(false)
    })

    test('edit says of an editor that leaves no file, or fails, what it did', async () => {
      const gone = await editing('gone', ['rm "$1"'])
      expect(gone, gone.stdout).toMatchObject({ exitCode: 1 })
      expect(gone.stdout).toContain('The editor left no file that can be read, and nothing was written')
      expect(gone.stdout).not.toContain('defect')
      const failed = await editing('failed', ['exit 3'])
      expect(failed.stdout).toContain('The editor ended with 3, and nothing was written')
      expect(failed.stdout).not.toContain('Set EDITOR')
    })

    test('edit keeps what was written where a person gives up, and where nothing can be written', async () => {
      await ok(['set', 'http.timeoutMs', '1500', '--overlay', 'prod'])
      const work = (text: string) => `printf '${text}# an hour of work\\n' > "$1"`
      const yaml = await editing('yaml', [work('greeting: [broken\\n'), ''])
      expect(yaml).toMatchObject({ exitCode: 64, kept: expect.stringContaining('# an hour of work') })
      expect(yaml.stdout).toContain('no YAML')
      const schema = await editing('schema', [work('http: { timeoutMs: many }\\n'), ''])
      expect(schema).toMatchObject({ exitCode: 5, kept: expect.stringContaining('timeoutMs: many') })
      const failing = await editing('failing', [`${work('http: { timeoutMs: 7 }\\n')}; exit 3`])
      expect(failing).toMatchObject({ exitCode: 1, kept: expect.stringContaining('timeoutMs: 7') })
      const untouched = await editing('untouched', [''])
      expect(untouched).toMatchObject({ exitCode: 0, kept: undefined })
      const emptied = await editing('emptied', [': > "$1"', `echo garbage > "$1"`, ''], ['--allow-removal'])
      expect(emptied, emptied.stdout).toMatchObject({
        exitCode: 64,
        kept: expect.stringContaining('garbage'),
      })
      expect(emptied.shown[1]).toContain('# livetree: The text cannot be read: it holds nothing')
      expect(emptied.shown[2]).toContain('no object of names at its top')
      expect((await ok(['get', 'http.timeoutMs'])).stdout).toBe('1500\n')
    })

    test('edit leaves Ctrl-C to the editor, names the file when it is ended, and gives up over the same text', async () => {
      await ok(['set', 'http.timeoutMs', '1500', '--overlay', 'prod'])
      const signal = (name: string) =>
        `p=$PPID; [ "$(cat /proc/$p/comm)" = sh ] && p=$(awk '{print $4}' /proc/$p/stat); kill -${name} $p; sleep 1`
      const [keyed, ended, same] = await Promise.all([
        editing('keyed', [`${signal('INT')}; echo STILL`]),
        editing('ended', [signal('TERM')]),
        editing('same', [
          `printf 'http: { timeoutMs: many }\\n' > "$1"`,
          `printf 'http: { timeoutMs: many }\\n' > "$1"`,
        ]),
      ])
      expect(keyed, keyed.stdout).toMatchObject({ exitCode: 0, kept: undefined })
      expect(keyed.stdout).toContain('STILL')
      expect(ended, ended.stdout).toMatchObject({
        exitCode: 130,
        kept: expect.stringContaining('timeoutMs: 1500'),
      })
      expect(same, same.stdout).toMatchObject({ exitCode: 5, kept: expect.stringContaining('many') })
      expect(same.shown).toHaveLength(2)
    })

    test('edit shows a conflict above the text, and writes over it only when told so', async () => {
      await ok(['set', 'http.timeoutMs', '1500', '--overlay', 'prod'])
      const other = `${process.execPath} ${BIN} set http.timeoutMs 1666 --overlay prod -m other`
      const mine = `sed -i 's/1500/1800/' "$1"; ${other}`
      const left = await editing('left', [mine, ''])
      expect(left, left.stdout).toMatchObject({
        exitCode: 4,
        kept: expect.stringContaining('timeoutMs: 1800'),
      })
      expect(left.shown[1]).toContain('is 1666 now; this change sets 1800')
      expect((await ok(['get', 'http.timeoutMs'])).stdout).toBe('1666\n')
      await ok(['set', 'http.timeoutMs', '1500', '--overlay', 'prod'])
      const over = await editing('over', [mine, `sed -i '/^# livetree/d' "$1"`])
      expect(over, over.stdout).toMatchObject({ exitCode: 0, kept: undefined })
      expect((await ok(['get', 'http.timeoutMs'])).stdout).toBe('1800\n')
    })
  })
})
