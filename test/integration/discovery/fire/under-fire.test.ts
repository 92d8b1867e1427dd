import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Discovery, ServiceView } from '@livetree/discovery'
import { expect, test } from 'vitest'
import { oneEtcd } from '../../../support/each-etcd.ts'
import { isLongFire } from '../../../support/fire-length.ts'
import { type RunningProgram, startProgram } from '../../../support/running-program.ts'
import { waitFor } from '../../../support/wait-for.ts'
import { discoveryOn } from '../discovery-kit.ts'
import { Callers, countAnswers } from './callers.ts'
import { EVEN_INSTANCES, EVEN_SERVICE, serviceName } from './services.ts'

const LOADER = fileURLToPath(new URL('../../../support/source-loader.ts', import.meta.url))
const SCRIPT = fileURLToPath(new URL('./host-process.ts', import.meta.url))
const ZONES = ['a', 'b']
/** In each zone. */
const HOSTS = isLongFire ? 5 : 2
const SERVICES = isLongFire ? 20 : 8
const ROUNDS = isLongFire ? 10 : 1
const AWAY_MS = isLongFire ? 60_000 : 6_000
const PATIENCE_MS = 120_000
const TIMEOUT_MS = isLongFire ? 3_600_000 : 240_000

async function startHost(endpoint: string, zone: string, services = SERVICES): Promise<RunningProgram> {
  const env = { ...process.env, ENDPOINT: endpoint, ZONE: zone, SERVICES: String(services) }
  const host = startProgram(process.execPath, ['--import', LOADER, SCRIPT], { env, timeoutMs: PATIENCE_MS })
  await host.printed('registered')
  return host
}

/** How many lines a host has printed. */
async function replied(host: RunningProgram, command: string): Promise<void> {
  const before = host.lines.length
  host.say(command)
  await waitFor(() => host.lines.length > before, {
    timeoutMs: PATIENCE_MS,
    what: `the answer to ${command}`,
  })
}

async function kill(host: RunningProgram | undefined): Promise<void> {
  host?.kill('SIGKILL')
  await host?.ended()
}

/** Views of all services, which show when everybody is there again. */
async function openAll(discovery: Discovery): Promise<ServiceView[]> {
  return await Promise.all(
    Array.from({ length: SERVICES }, (_, index) => discovery.openService(serviceName(index))),
  )
}

async function allThere(views: readonly ServiceView[], hosts: number): Promise<void> {
  await waitFor(() => views.every(({ status }) => status.counts.ready === hosts), {
    timeoutMs: PATIENCE_MS,
    what: `${hosts} ready instances of each service`,
  })
}

oneEtcd('services under fire', (etcd) => {
  test('fail no idempotent request while a healthy instance exists', { timeout: TIMEOUT_MS }, async () => {
    const server = await etcd.start()
    const starting = ZONES.map((zone) =>
      Promise.all(Array.from({ length: HOSTS }, () => startHost(server.endpoint, zone))),
    )
    const zones = await Promise.all(starting)
    const discoveries = [{}, { zone: 'a' }].map((options) => discoveryOn(server.endpoint, options).discovery)
    const views = (await Promise.all(discoveries.map(openAll))).flat()
    const all = HOSTS * ZONES.length
    await allThere(views, all)
    const callers = discoveries.map((discovery) => new Callers(discovery, SERVICES, 6))
    const failures = (): string[] => callers.flatMap((each) => each.failures)
    const answered = (): number => callers.reduce((sum, each) => sum + each.answered, 0)
    const more = async (what: string) => {
      const until = answered() + SERVICES * 20
      const isOver = (): boolean => answered() > until || failures().length > 0
      await waitFor(isOver, { timeoutMs: PATIENCE_MS, what: `requests while ${what}` })
      expect(failures(), what).toEqual([])
    }
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const zone of zones) for (const host of zone) await replied(host, 'roll')
      await more('instances are replaced')
      await kill(zones[0]?.[0])
      await more('a machine is gone')
      if (zones[0] !== undefined) zones[0][0] = await startHost(server.endpoint, 'a')
      await allThere(views, all)
      await server.stop('SIGKILL')
      const until = performance.now() + AWAY_MS
      while (performance.now() < until) {
        await more('etcd is away')
        await sleep(100)
      }
      await server.restart()
      await more('etcd is back')
      await allThere(views, all)
      const lost = zones[round % 2] ?? []
      await Promise.all(lost.map(kill))
      await more('a zone is lost')
      zones[round % 2] = await Promise.all(lost.map(() => startHost(server.endpoint, ZONES[round % 2] ?? '')))
      await allThere(views, all)
      await more('the zone is back')
    }
    await Promise.all(callers.map((each) => each.end()))
    expect(failures()).toEqual([])
    if (isLongFire) console.log(`${etcd.kind}: ${answered()} requests, none failed`)
    await Promise.all(zones.flat().map((host) => replied(host, 'leave')))
    for (const view of views) await view.fresh()
    expect(views.flatMap(({ endpoints }) => endpoints.filter(({ inFlight }) => inFlight > 0))).toEqual([])
  })

  test('share the load evenly at equal weights', { timeout: TIMEOUT_MS }, async () => {
    const server = await etcd.start()
    const host = await startHost(server.endpoint, 'a', 0)
    const { discovery } = discoveryOn(server.endpoint)
    const view = await discovery.openService(EVEN_SERVICE)
    await waitFor(() => view.status.counts.ready === EVEN_INSTANCES)
    const share = isLongFire ? 10_000 : 1_500
    const counts = await countAnswers(discovery, EVEN_SERVICE, share * EVEN_INSTANCES)
    expect(counts.size).toBe(EVEN_INSTANCES)
    for (const count of counts.values()) {
      expect(count).toBeGreaterThan(share * 0.9)
      expect(count).toBeLessThan(share * 1.1)
    }
    await replied(host, 'leave')
  })
})
