import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { RunResult } from '../run-scenario.ts'
import { linePlot } from './line-plot.ts'
import { type Kept, readResults } from './results.ts'

const plotName = 'chaos-reconnects.svg'

/** Writes the page of what the last runs found, of whichever kind there are, and its plot beside it. */
export const writePage = (path: string): void => {
  const [scenarios, events, reconnects] = [
    readResults('scenarios'),
    readResults('events'),
    readResults('reconnects'),
  ]
  const page = [
    ...introduction,
    ...(scenarios === undefined ? [] : sectionOfScenarios(scenarios)),
    ...(events === undefined ? [] : sectionOfEvents(events)),
    ...(reconnects === undefined ? [] : sectionOfReconnects(reconnects)),
    ...sectionByHand(path),
  ]
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `${page.join('\n').trimEnd()}\n`)
  if (reconnects !== undefined) writeFileSync(join(dirname(path), plotName), plotOf(reconnects))
}

/** What a person wrote of a long run of a test; it stays on the page. */
const BY_HAND = '## Layers under different permissions'

const sectionByHand = (path: string): readonly string[] => {
  const page = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const at = page.indexOf(BY_HAND)
  return at < 0 ? [] : [page.slice(at).replace(/\n## [\s\S]*/, '')]
}

const introduction = [
  '# Faults',
  '',
  'Written by `npm run chaos -- --report docs/chaos.md` and `npm run soak -- --report docs/chaos.md`.',
  '',
  'Each run starts a cluster of three etcd members, four concurrent writers and more than fifty consumers: half of them',
  'raw watches (prefixes, ranges, single keys, from now or from the past, only puts or deletes, with previous values, by',
  'handler or by a slow `for await`), half of them loaded configurations with one to three overlays, every second of them',
  'as layers that are watched one by one and joined by revision. Consumers reach the',
  'members through proxies that cut, refuse, stall, delay and re-chunk. A witness that shares no code with the client',
  'watches the members directly. Writers invalidate configurations now and then, and correct them.',
  '',
  'When the faults are over, every consumer has to reach the state of the store within a minute, according to its own',
  'progress. Then the records are validated: what each watch received against what the store did (the rules of',
  "etcd's own robustness suite), each state of each configuration against an independent decoding of the tree at exactly",
  'that revision, and the reported outcome of each write against the actual one. The rules are in `test/chaos/validators`.',
  '',
]

const machineOf = ({ machine, at }: Pick<Kept<'events'>, 'machine' | 'at'>) =>
  `Node ${machine.node}, ${machine.platform}, ${machine.cores} cores, ${at.slice(0, 10)}.`

const inFull = (count: number) => count.toLocaleString('en-US')
const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0)

const row = (cells: readonly (string | number)[]) =>
  `| ${cells.map((cell) => (typeof cell === 'number' ? inFull(cell) : cell)).join(' | ')} |`

const sectionOfScenarios = (kept: Kept<'scenarios'>) => {
  const { runs, seed } = kept
  const cellsOf = (some: readonly RunResult[]) => [
    some.length,
    sum(some.map(({ writes }) => writes.applied)),
    sum(some.map(({ writes }) => writes.unknown)),
    sum(some.map(({ deliveredEvents }) => deliveredEvents)),
    sum(some.map(({ reconnects }) => reconnects)),
    sum(some.map(({ violations }) => violations.length)),
  ]
  const groups = Object.entries(Object.groupBy(runs, ({ scenario }) => scenario)).sort()
  const versions = [...new Set(runs.map(({ etcd }) => etcd))].sort()
  return [
    '## Scenarios',
    '',
    `etcd ${versions.join(' and ')}, seed ${seed}. ${machineOf(kept)}`,
    '',
    '| scenario | what happens | runs | writes | of unknown outcome | delivered events | reconnects | violations |',
    '|---|---|---|---|---|---|---|---|',
    ...groups.map(([name, some = []]) => row([name, some[0]!.about, ...cellsOf(some)])),
    row(['all', '', ...cellsOf(runs)]),
    '',
  ]
}

const sectionOfEvents = (kept: Kept<'events'>) => {
  const {
    etcd,
    seed,
    about,
    durationMs,
    consumers,
    writes,
    deliveredEvents,
    reconnects,
    epochs,
    violations,
  } = kept
  return [
    '## One long run',
    '',
    `etcd ${etcd}, seed ${seed}: ${about}. ${machineOf(kept)}`,
    '',
    '| minutes | consumers | writes | of unknown outcome | delivered events | reconnects | stores | violations |',
    '|---|---|---|---|---|---|---|---|',
    row([
      (durationMs / 60_000).toFixed(1),
      consumers,
      writes.applied,
      writes.unknown,
      deliveredEvents,
      reconnects,
      epochs,
      violations.length,
    ]),
    '',
  ]
}

const sectionOfReconnects = (kept: Kept<'reconnects'>) => {
  const { etcd, reconnects, watchers, deliveredEvents, mistakes, flatness } = kept
  return [
    '## Reconnects',
    '',
    `etcd ${etcd}: a client with ${watchers} watchers and a live configuration, cut off ${inFull(reconnects)} times, each`,
    `time as soon as all had received the change written after the last cut. ${inFull(deliveredEvents)} events,`,
    `${mistakes.length} twice, out of order or missing. Samples are taken after a garbage collection; a figure is flat when`,
    `its median over the last quarter is not above what is allowed over the second one. ${machineOf(kept)}`,
    '',
    '| figure | second quarter | last quarter | allowed | |',
    '|---|---|---|---|---|',
    ...flatness.map(({ name, unit, early, late, allowed, isFlat }) =>
      row([
        name,
        ...[early, late, allowed].map((value) => `${value.toFixed(unit === '' ? 0 : 2)} ${unit}`.trim()),
        isFlat ? 'flat' : 'grows',
      ]),
    ),
    '',
    `![Heap, handles, sockets and listeners over ${inFull(reconnects)} reconnects](${plotName})`,
    '',
  ]
}

const plotOf = ({ samples, reconnects }: Kept<'reconnects'>) =>
  linePlot({
    title: `What is held after each of ${inFull(reconnects)} reconnects`,
    across: { name: 'reconnects', from: samples[0]?.reconnects ?? 0, to: reconnects },
    lines: [
      { name: 'heap', unit: 'MiB', values: samples.map(({ heapMiB }) => heapMiB) },
      { name: 'handles', unit: '', values: samples.map(({ handles }) => handles) },
      { name: 'sockets', unit: '', values: samples.map(({ sockets }) => sockets) },
      { name: 'listeners', unit: '', values: samples.map(({ listeners }) => listeners) },
    ],
  })
