import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createEtcdClient } from '@livetree/etcd'
import { expect, onTestFinished, test } from 'vitest'
import { runBounded } from '../../../scripts/etcd/run-bounded.ts'
import { oneEtcd } from '../../support/each-etcd.ts'
import { freePorts } from '../../support/free-ports.ts'
import { prometheusFor } from '../../support/prometheus.ts'
import { startProgram } from '../../support/running-program.ts'
import { startProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'
import { ruleTest, type Scraped, scrape, shownValue } from './scrape.ts'

const observability = fileURLToPath(new URL('../../../observability/', import.meta.url))
const script = fileURLToPath(new URL('./instance.ts', import.meta.url))

/** An instance, and its ways to two members; both lead to one etcd. */
async function startInstance(name: string, endpoint: string) {
  const ways = [await startProxy({ target: endpoint }), await startProxy({ target: endpoint })] as const
  onTestFinished(async () => void (await Promise.all(ways.map((way) => way.close()))))
  const env = { ...process.env, ENDPOINTS: ways.map((way) => way.endpoint).join(' ') }
  const program = startProgram(process.execPath, [script], { env })
  await program.printed(/shows \S+\n/)
  const url = /shows (\S+)\n/.exec(program.output)?.[1] ?? ''
  let lineCount = 0
  /** Waits until it has done what the line says. */
  const tell = async (line: string) => {
    lineCount += 1
    program.say(line)
    await waitFor(() => program.lines.filter((each) => each.startsWith('done ')).length === lineCount)
  }
  return { name, ways, url, tell, scrape: () => scrape(url, name) }
}

type Instance = Awaited<ReturnType<typeof startInstance>>

async function startPrometheus(program: string, folder: string, instances: readonly Instance[]) {
  const [port] = await freePorts(1)
  const targets = instances.map(({ url, name }) => ({
    targets: [new URL(url).host],
    labels: { instance: name },
  }))
  const settings = {
    global: { scrape_interval: '500ms', scrape_timeout: '500ms', evaluation_interval: '1s' },
    rule_files: [join(observability, 'alerts.yml')],
    scrape_configs: [{ job_name: 'shop', static_configs: targets }],
  }
  writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(settings))
  const args = [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ]
  const running = startProgram(program, args, { cwd: folder })
  await running.printed('Server is ready to receive web requests')
  return async (path: string, parameters: Record<string, string> = {}): Promise<unknown> => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}?${new URLSearchParams(parameters)}`)
    const { data, error } = (await response.json()) as { data: unknown; error?: string }
    if (error !== undefined) throw new Error(`${JSON.stringify(parameters)}: ${error}`)
    return data
  }
}

/** The queries of the dashboard, with its variables filled in. */
function dashboardQueries(): readonly string[] {
  const { panels } = JSON.parse(readFileSync(join(observability, 'dashboard.json'), 'utf8')) as {
    readonly panels: readonly { readonly targets?: readonly { readonly expr: string }[] }[]
  }
  const all = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
  return all.map((expr) =>
    expr.replaceAll('$__rate_interval', '1m').replaceAll(/\$(job|instance|config)\b/g, '.*'),
  )
}

const both = (...scraped: readonly Scraped[]): Scraped => new Map(scraped.flatMap((each) => [...each]))

/** The states of a small world: what its instances show in each of them, and the alerts that this leads to. */
async function scrapeWorld(a: Instance, b: Instance, put: (value: string) => Promise<unknown>) {
  const scraped = async () => both(await a.scrape(), await b.scrape())
  const shows = (instance: Instance, metric: RegExp, value: number) =>
    waitFor(async () => shownValue(await instance.scrape(), metric) === value, {
      what: `${metric} of ${instance.name}`,
    })
  /** On a busy machine a proof may be late for a moment. */
  const provenScrape = () =>
    waitFor(async () => {
      const found = await scraped()
      return [...found].some(([series, value]) => /^livetree_config_stale/.test(series) && value === '1')
        ? undefined
        : found
    })
  for (const each of [a, b]) for (let turn = 0; turn < 4; turn += 1) await each.tell('read')
  await a.tell('write 2')
  await a.tell('fail')
  await shows(b, /^livetree_config_reloads_total.*"applied"/, 2)
  const healthy = await provenScrape()
  const tests = [ruleTest('healthy', healthy, healthy, [])]

  /** Calls until one of the members is shown as away, or none is. */
  const callsUntil = (isAway: boolean) =>
    waitFor(async () => {
      await a.tell('read')
      const states = [...(await a.scrape())].filter(([series]) => /client_endpoint_connected/.test(series))
      return states.length === 4 && states.some(([, value]) => value === '0') === isAway
    })
  await callsUntil(false)
  for (const way of a.ways) {
    await way.refuse()
    way.cutAll()
  }
  const reading = a.tell('read')
  await waitFor(async () =>
    [...(await a.scrape()).keys()].some((series) => /^livetree_client_retries/.test(series)),
  )
  await a.ways[0].accept()
  await reading
  await callsUntil(true)
  await shows(a, /^livetree_watch_connected.*client="shop"/, 1)
  tests.push(ruleTest('a member is away', healthy, await provenScrape(), ['LivetreeEndpointAway a']))
  await a.ways[1].accept()
  await callsUntil(false)

  await put('many')
  for (const each of [a, b]) await shows(each, /^livetree_config_last_reload_successful/, 0)
  const rejected = ['LivetreeConfigRejected a', 'LivetreeConfigRejected b']
  tests.push(ruleTest('a bad value is pushed', healthy, await provenScrape(), rejected))
  await put('3')
  for (const each of [a, b]) await shows(each, /^livetree_config_last_reload_successful/, 1)

  for (const way of b.ways) way.stall()
  await put('4')
  await shows(a, /^livetree_config_reloads_total.*"applied"/, 4)
  await shows(b, /^livetree_config_stale/, 1)
  return { tests, healthy, stalled: await scraped() }
}

oneEtcd('what operators see', (etcd) => {
  test('the alerts fire for what a small world shows, and every query of the dashboard has an answer', async (context) => {
    const { prometheus, promtool } = await prometheusFor(context)
    const server = await etcd.start()
    const folder = mkdtempSync(join(tmpdir(), 'livetree-observability-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const client = createEtcdClient({ endpoints: server.endpoint })
    onTestFinished(() => client.close())
    const put = (value: string) => client.kv.put('/config/shop/pool', value)
    await put('1')
    const [a, b] = await Promise.all(['a', 'b'].map((name) => startInstance(name, server.endpoint)))
    const ask = await startPrometheus(prometheus, folder, [a!, b!])
    const { tests, healthy, stalled } = await scrapeWorld(a!, b!, put)

    const behind = ['LivetreeConfigStale b', 'LivetreeInstanceBehind b']
    const waits = [...stalled].filter(
      ([series, value]) => /^livetree_watch_connected.*"b"/.test(series) && value === '0',
    )
    const away = [...stalled].filter(
      ([series, value]) => /endpoint_connected.*"b"/.test(series) && value === '0',
    )
    if (waits.length > 0) behind.push('LivetreeWatchDisconnected b')
    if (away.length > 0) behind.push('LivetreeEndpointAway b')
    tests.push(ruleTest('one is stale and behind', healthy, stalled, behind))
    const file = { rule_files: [join(observability, 'alerts.yml')], evaluation_interval: '1m', tests }
    writeFileSync(join(folder, 'world.test.yml'), JSON.stringify(file))
    const { code, stdout, stderr } = await runBounded(promtool, [
      'test',
      'rules',
      join(folder, 'world.test.yml'),
    ])
    expect(code, `${stdout}${stderr}`).toBe(0)

    const queries = dashboardQueries()
    const unanswered = async () => {
      const answers = await Promise.all(queries.map((query) => ask('query', { query })))
      return queries.filter(
        (_, index) => (answers[index] as { result: readonly unknown[] }).result.length === 0,
      )
    }
    expect(queries.length).toBeGreaterThan(15)
    await expect.poll(unanswered, { timeout: 20_000 }).toEqual([])
    const { groups } = (await ask('rules')) as { groups: readonly { rules: readonly { health: string }[] }[] }
    const health = groups.flatMap(({ rules }) => rules.map((rule) => rule.health))
    expect(health).toHaveLength(9)
    expect(new Set(health)).toEqual(new Set(['ok']))
  })
})
