import { setTimeout as sleep } from 'node:timers/promises'
import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import { type BenchProcess, startBenchProcess } from '../bench/support/bench-process.ts'
import { serviceLeaves } from '../bench/support/bench-tree.ts'
import { fillTree } from '../bench/support/fill-tree.ts'
import type { SeenAt } from '../bench/support/report-seen.ts'
import { sharedNow } from '../bench/support/shared-clock.ts'
import { type EtcdServer, startEtcd } from '../support/start-etcd.ts'
import { startGrpcProxy } from './grpc-proxy.ts'
import { cpuMs, memoryMib, sentBytes, socketsOf } from './process-cost.ts'
import type { ScaleCase, ScaleResult } from './scale-case.ts'

const PROCESSES = 20
const CHANGES = 10
const IDLE_MS = 20_000

/** Starts the instances in 20 processes, each with a connection of its own, and measures what the store spends on them. */
export async function measureScale(what: ScaleCase): Promise<ScaleResult> {
  await using server = await startEtcd()
  await using client = createEtcdClient({ endpoints: [server.endpoint] })
  await using proxy = what.way === 'direct' ? undefined : await startGrpcProxy(server.endpoint)
  await fillTree(client, '/scale', serviceLeaves('scale'))
  const etcdPid = server.pid ?? 0
  const before = { etcd: memoryMib(etcdPid).now, proxy: proxy && memoryMib(proxy.pid).now }
  const processes = await startInstances(what, proxy?.endpoint ?? server.endpoint)
  try {
    await sleep(3_000)
    const idle = [etcdPid, ...(proxy === undefined ? [] : [proxy.pid])].map((pid) => ({
      pid,
      from: cpuMs(pid),
    }))
    await sleep(IDLE_MS)
    const [etcd, ofProxy] = idle.map(({ pid, from }, index) => ({
      memoryMib: memoryMib(pid).now - ((index === 0 ? before.etcd : before.proxy) ?? 0),
      sockets: socketsOf(pid),
      idleCpuMs: ((cpuMs(pid) - from) * 60_000) / IDLE_MS,
    }))
    const sees = what.kind.startsWith('config')
    const change = sees ? await measureChanges(processes, client, server) : undefined
    const isCut = sees && what.way === 'direct'
    const reconnect = isCut ? await measureReconnect(processes, client, server) : undefined
    return { ...what, version: server.version, etcd: etcd!, proxy: ofProxy, change, reconnect }
  } finally {
    await Promise.all(processes.map((one) => one.close()))
  }
}

async function startInstances({ kind, instances }: ScaleCase, endpoint: string): Promise<BenchProcess[]> {
  const script = new URL('./instances.ts', import.meta.url)
  const each = Math.ceil(instances / PROCESSES)
  const processes: BenchProcess[] = []
  // Two at a time, as many as there are cores: instances that start at once only wait for themselves.
  for (let started = 0; started < PROCESSES; started += 2) {
    const start = (index: number) =>
      startBenchProcess(script, [kind, endpoint, String(index * each), String(each)])
    processes.push(...(await Promise.all([started, started + 1].map(start))))
  }
  return processes
}

let written = 0

/** Writes a value that all instances see. Returns when each of them had it, on the shared clock. */
async function tellAll(
  processes: readonly BenchProcess[],
  write: (text: string) => Promise<unknown>,
): Promise<number[]> {
  const text = `note ${written++}`
  await Promise.all(processes.map((one) => one.ask(text)))
  const seen = processes.map((one) => one.next())
  await write(text)
  return ((await Promise.all(seen)) as SeenAt[]).flat()
}

async function measureChanges(processes: readonly BenchProcess[], client: EtcdClient, server: EtcdServer) {
  const all: { cpuMs: number; sentKib: number; allHaveItMs: number }[] = []
  const pid = server.pid ?? 0
  for (let change = 0; change < CHANGES; change++) {
    const [cpu, sent] = [cpuMs(pid), await sentBytes(server.endpoint)]
    let since = 0
    const seen = await tellAll(processes, (text) => {
      since = sharedNow()
      return client.kv.put('/scale/note', text)
    })
    await sleep(200)
    all.push({
      cpuMs: cpuMs(pid) - cpu,
      sentKib: ((await sentBytes(server.endpoint)) - sent) / 1024,
      allHaveItMs: Math.max(...seen) - since,
    })
  }
  const median = (read: (one: (typeof all)[number]) => number) =>
    all.map(read).sort((a, b) => a - b)[Math.floor(all.length / 2)] ?? 0
  return {
    cpuMs: median((one) => one.cpuMs),
    sentKib: median((one) => one.sentKib),
    allHaveItMs: median((one) => one.allHaveItMs),
  }
}

async function measureReconnect(processes: readonly BenchProcess[], client: EtcdClient, server: EtcdServer) {
  let since = 0
  const seen = await tellAll(processes, async (text) => {
    await server.kill()
    await server.restart()
    since = sharedNow()
    await client.kv.put('/scale/note', text)
  })
  const times = seen.map((at) => at - since).sort((a, b) => a - b)
  const quantilesMs = [0.1, 0.5, 0.9, 1].map((part) => times[Math.ceil(times.length * part) - 1] ?? 0)
  return { quantilesMs, mostMib: memoryMib(server.pid ?? 0).most }
}
