import { fitLine, type Line, valueAt } from './fit.ts'
import type { InstanceKind, ScaleResult } from './scale-case.ts'

/** Results as they are kept between runs. */
export interface KeptScale {
  readonly at: string
  readonly node: string
  readonly results: readonly ScaleResult[]
}

/** What a member or a proxy is taken for, where their number is worked out. */
const CONNECTIONS_OF_ONE = 10_000
const MIB_OF_ONE = 4_096
const PAPER_SIZES = [1_000, 10_000, 100_000]

const LABELS: Readonly<Record<InstanceKind, string>> = {
  config: 'a live configuration of ten leaves',
  'config, fleet': 'the same, and a record in the fleet',
  lock: 'a lock that is held (15 s)',
  discovery: 'registered, sees the 20 of its service',
}

const whole = (value: number) => Math.round(value).toLocaleString('en-US')
const short = (value: number) => (value >= 100 ? whole(value) : value.toFixed(value >= 10 ? 1 : 2))
const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`

/** The page of results and of what they lead to, as Markdown. */
export function scalePage({ at, node, results }: KeptScale): string {
  const sorted = Object.keys(LABELS).flatMap((kind) =>
    ['direct', 'grpc-proxy'].flatMap((way) =>
      results.filter((one) => one.kind === kind && one.way === way).sort((a, b) => a.instances - b.instances),
    ),
  )
  const version = sorted[0]?.version ?? ''
  return `${[
    '# Scale',
    '',
    'Written by `npm run scale -- --report docs/scale.md`.',
    '',
    'What services that use livetree cost the store: measured with up to 5,000 instances, and on paper beyond. Each instance has a',
    'connection of its own to one etcd on the same machine, as each process of a fleet has; 20 processes hold them all. Memory,',
    'sockets and processor time are those of the process of etcd, by the system; bytes are by its own metrics.',
    `etcd ${version}, Node ${node}, 2 cores, ${at}.`,
    '',
    ...costSection(sorted),
    ...reconnectSection(sorted),
    ...paperSection(sorted),
    ...adviceSection,
  ].join('\n')}\n`
}

function costSection(results: readonly ScaleResult[]): string[] {
  const rows = results.map(({ kind, way, instances, etcd, proxy, change }) =>
    row([
      way === 'direct' ? LABELS[kind] : `${LABELS[kind]}, behind a grpc-proxy`,
      whole(instances),
      `${short(etcd.memoryMib)}${proxy === undefined ? '' : ` + ${short(proxy.memoryMib)}`}`,
      `${whole(etcd.sockets)}${proxy === undefined ? '' : ` + ${whole(proxy.sockets)}`}`,
      `${coreShare(etcd.idleCpuMs)}${proxy === undefined ? '' : ` + ${coreShare(proxy.idleCpuMs)}`}`,
      change === undefined ? '' : short(change.cpuMs),
      change === undefined ? '' : short(change.sentKib),
      change === undefined ? '' : short(change.allHaveItMs),
    ]),
  )
  return [
    '## What is measured',
    '',
    'After the `+`: of the grpc-proxy. Idle is a time without changes: progress requests, and the renewal of leases. A change is one put',
    'that all instances see; on this machine their own work is in the time until all have it, so that it says little of etcd.',
    '',
    row([
      'each instance',
      'instances',
      'memory, MiB',
      'sockets',
      'idle, share of a core',
      'a change: processor, ms',
      'sent, KiB',
      'until all have it, ms',
    ]),
    row(['---', ...Array.from({ length: 7 }, () => '---:')]),
    ...rows,
    '',
  ]
}

const coreShare = (msOfAMinute: number) => `${((msOfAMinute / 60_000) * 100).toFixed(1)} %`

function reconnectSection(results: readonly ScaleResult[]): string[] {
  const rows = results.flatMap(({ kind, instances, reconnect }) =>
    reconnect === undefined
      ? []
      : [
          row([
            LABELS[kind],
            whole(instances),
            ...reconnect.quantilesMs.map(short),
            short(reconnect.mostMib),
          ]),
        ],
  )
  return [
    '## All connect again',
    '',
    'etcd is killed and starts again at once; a put follows. From then on until a tenth, half, nine tenths and all of the instances',
    'have it. Each client waits for a random time that grows with its failures, so they do not come as one herd.',
    '',
    row([
      'each instance',
      'instances',
      '10 %, ms',
      '50 %, ms',
      '90 %, ms',
      'all, ms',
      'most memory of etcd, MiB',
    ]),
    row(['---', ...Array.from({ length: 6 }, () => '---:')]),
    ...rows,
    '',
  ]
}

function linesOf(results: readonly ScaleResult[], kind: InstanceKind, way: ScaleResult['way']) {
  const own = results.filter((one) => one.kind === kind && one.way === way)
  if (own.length < 2) return undefined
  const line = (read: (one: ScaleResult) => number | undefined): Line =>
    fitLine(own.map((one) => [one.instances, read(one) ?? 0] as const))
  return {
    memory: line((one) => one.etcd.memoryMib + (one.proxy?.memoryMib ?? 0)),
    idle: line((one) => one.etcd.idleCpuMs + (one.proxy?.idleCpuMs ?? 0)),
    changeCpu: line((one) => one.change?.cpuMs),
    sent: line((one) => one.change?.sentKib),
  }
}

function paperSection(results: readonly ScaleResult[]): string[] {
  const rows = (Object.keys(LABELS) as InstanceKind[]).flatMap((kind) => {
    const lines = linesOf(results, kind, 'direct')
    if (lines === undefined) return []
    return PAPER_SIZES.map((size) => {
      const memory = valueAt(lines.memory, size)
      const isSeen = lines.sent.slope > 0
      const members = Math.max(3, Math.ceil(size / CONNECTIONS_OF_ONE), Math.ceil(memory / MIB_OF_ONE))
      return row([
        LABELS[kind],
        whole(size),
        whole(memory),
        coreShare(valueAt(lines.idle, size)),
        isSeen ? whole(valueAt(lines.changeCpu, size)) : '',
        isSeen ? whole(valueAt(lines.sent, size) / 1024) : '',
        members > 7 ? `3, and ${Math.ceil(size / CONNECTIONS_OF_ONE)} proxies` : String(members),
      ])
    })
  })
  return [
    '## On paper',
    '',
    'A straight line through the measured points, of all members together. A member or a proxy is taken for ' +
      `${whole(CONNECTIONS_OF_ONE)} connections and ${whole(MIB_OF_ONE / 1024)} GiB; more than seven members make writes slow, so beyond that the connections go to proxies.`,
    'What the line does not know: garbage collection of a large heap, the network, and what else the store does.',
    '',
    row([
      'each instance',
      'instances',
      'memory, MiB',
      'idle, share of a core',
      'a change: processor, ms',
      'sent, MiB',
      'members',
    ]),
    row(['---', ...Array.from({ length: 6 }, () => '---:')]),
    ...rows,
    '',
  ]
}

const adviceSection = [
  '## What follows',
  '',
  '- Every instance sees every change of its layers: a change costs the store in proportion to the instances, and etcd sends it to each.',
  '  Put what changes often and concerns few into layers that few read.',
  '- Several configurations of one process share a client, and so a connection and a watch stream, if their options are alike.',
  "- etcd's grpc-proxy makes one watch of many that are alike and takes the connections; it forwards no progress requests, so that",
  '  configurations behind it count as stale between changes (see the README of `livetree`).',
  '- A fleet record is written when the verdict of an instance changes, at a random moment within a time that grows with their number;',
  '  between changes one lease of each process is renewed.',
]
