import { describe, expect, it } from 'vitest'
import { runScript } from '../../support/run-script.ts'

/** What every case begins with: a configuration whose store is driven by hand, and what it says. */
const BEGIN = `
  import { createTestConfig, defineConfig, env, memory, secret } from '@livetree/core'
  import { createManualSource } from '@livetree/core/testing'
  import * as z from 'zod'
  const shop = defineConfig({
    name: 'shop',
    schema: z.object({ port: z.number().default(1), password: secret(z.string().min(8)).default('longenough') }),
  })
  const turn = () => new Promise((resolve) => setTimeout(resolve, 20))
  const store = createManualSource({ name: 'etcd' })
  // three seconds are over at once
  const impatient = { now: Date.now, setTimeout: (run, ms) => setTimeout(run, ms === 3_000 ? 1 : ms), clearTimeout }
  const loadStore = async (options = {}) => {
    const loading = shop.load({ sources: [store], ...options })
    store.replace(1, {})
    return loading
  }
`

async function warningsOf(code: string, env: Readonly<Record<string, string>> = {}): Promise<string[]> {
  const { exitCode, stderr } = await runScript(`${BEGIN}\n${code}`, { env })
  expect(exitCode, stderr).toBe(0)
  return stderr.split(/^(?=\(node:\d+\))/m).filter((text) => text.startsWith('(node:'))
}

/** One misfortune each, and the code it is warned of with. */
const MISFORTUNES: Record<
  string,
  {
    readonly code: string
    readonly run: string
    readonly says: RegExp
    readonly env?: Record<string, string>
  }
> = {
  'a misspelt environment name': {
    code: 'LIVETREE_UNUSED',
    run: `config = await shop.load({ sources: [env({ prefix: 'SHOP_' })], ...options })`,
    says: /SHOP_PROT.*did you mean/s,
    env: { SHOP_PROT: '2' },
  },
  'a handler that throws': {
    code: 'LIVETREE_LISTENER_FAILED',
    run: `
      config = await loadStore(options)
      config.watch((c) => c.port, () => { throw new TypeError('with hunter2hunter2') })
      for (const port of [2, 3, 4]) { store.patch(port, { port }); await turn() }`,
    says: /watch handler failed.*TypeError/s,
  },
  'an async listener that rejects': {
    code: 'LIVETREE_LISTENER_FAILED',
    run: `
      config = await loadStore(options)
      config.on('change', async () => { throw new RangeError('with hunter2hunter2') })
      for (const port of [2, 3, 4]) { store.patch(port, { port }); await turn() }`,
    says: /listener of 'change' failed.*RangeError/s,
  },
  'a tree that is rejected': {
    code: 'LIVETREE_REJECTED',
    run: `
      config = await loadStore(options)
      for (const port of [2, 3, 4]) { store.patch(port, { port: 'eighty', password: 'hunter2' }); await turn() }`,
    says: /port: .*expected number.*etcd: port, revision 2.*password/s,
  },
  'a source that is away for long at the start': {
    code: 'LIVETREE_SOURCE_LOST',
    run: `
      const loading = shop.load({ sources: [store], clock: impatient, ...options })
      for (let i = 0; i < 3; i++) {
        store.sink.lost({ error: new Error('connect ECONNREFUSED 127.0.0.1:1'), isFinal: false })
        await turn()
      }
      store.replace(1, {})
      config = await loading`,
    says: /still waits for etcd, which is lost: connect ECONNREFUSED/,
  },
  'a store that defaults stand in for': {
    code: 'LIVETREE_STALE',
    run: `
      const startup = { timeoutMs: 50, onUnavailable: 'defaults' }
      const loading = shop.load({ sources: [store], startup, ...options })
      store.sink.lost({ error: new Error('connect ECONNREFUSED 127.0.0.1:1'), isFinal: false })
      config = await loading
      await turn()`,
    says: /is stale: served from the schema's defaults; etcd: connect ECONNREFUSED/,
  },
  'a configuration that is stale': {
    code: 'LIVETREE_STALE',
    run: `
      config = await loadStore({ ...options, staleAfterMs: 10 })
      await turn()
      await turn()`,
    says: /is stale: etcd has been silent/,
  },
  'a resource that cannot be built': {
    code: 'LIVETREE_RESOURCE_FAILED',
    run: `
      config = await loadStore(options)
      await config.resource((c) => c.port, { name: 'pool', create: (port) => { if (port > 1) throw new Error('hunter2hunter2'); return port } })
      for (const port of [2, 3, 4]) { store.patch(port, { port }); await turn() }`,
    says: /Cannot build pool: Error, see cause/,
  },
}

const EVENT_OF: Record<string, string> = {
  LIVETREE_UNUSED: 'unused',
  LIVETREE_REJECTED: 'rejected',
  LIVETREE_STALE: 'stale',
}

describe.each(Object.entries(MISFORTUNES))('without a logger, %s', (_name, { code, run, says, env }) => {
  const body = (options: string, after = '') =>
    `let config; const options = ${options}; ${run.replace('await turn()', `${after}; await turn()`)}; ${after}; await turn(); await config.close()`

  it('is a warning of the process, once, with its code and without secrets', async () => {
    const warnings = await warningsOf(body('{}'), env)
    expect(warnings).toEqual([expect.stringContaining(`[${code}] LivetreeWarning: `)])
    expect(warnings[0]).toMatch(says)
    expect(warnings[0]).not.toContain('hunter2')
  })

  it('is none with a logger, and nothing at all with false', async () => {
    expect(await warningsOf(body('{ logger: false }'), env)).toEqual([])
    const logged = await runScript(
      `${BEGIN}\n${body('{ logger: console }')}`,
      env === undefined ? {} : { env },
    )
    expect(logged.stdout + logged.stderr).toMatch(says)
    expect(logged.stderr).not.toContain('LivetreeWarning')
  })

  it('is none where somebody listens for it', async () => {
    if (code === 'LIVETREE_SOURCE_LOST') return
    const event = EVENT_OF[code] ?? 'error'
    const listening = run.replace(
      /(config = await [^\n]*)/,
      `$1\nconfig.on('${event}', () => console.log('heard'))`,
    )
    const { stdout, stderr } = await runScript(
      `${BEGIN}\nlet config; const options = {}; ${listening}; await turn(); await config.close()`,
      env === undefined ? {} : { env },
    )
    expect(stderr).toBe('')
    expect(stdout).toContain('heard')
  })
})

it.each(['on', 'once'])('a listener added by %s() right after load() replaces the warning', async (add) => {
  // The process stands still until the timer is due, which then comes before what `load` has put off.
  const { stdout, stderr } = await runScript(
    `${BEGIN}
    const config = await shop.load({ sources: [env({ prefix: 'SHOP_' })] })
    config.${add}('unused', () => console.log('heard'))
    const due = turn()
    for (const until = Date.now() + 40; Date.now() < until; );
    await due
    await config.close()`,
    { env: { SHOP_PROT: '2' } },
  )
  expect([stdout, stderr]).toEqual(['heard\n', ''])
})
