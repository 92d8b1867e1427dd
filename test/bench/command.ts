import { createEtcdClient } from '@livetree/etcd'
import { startEtcd } from '../support/start-etcd.ts'
import { amount } from './support/amount.ts'
import { race } from './support/measure.ts'
import { publish } from './support/report.ts'
import { livetree, runNode, runProgram } from './support/run-command.ts'

const ROUNDS = amount(40, 1)
const WARM_UPS = amount(3, 0)

await using server = await startEtcd()
await using client = createEtcdClient({ endpoints: [server.endpoint] })
await client.kv.put('/bench/prod/port', '8080')

/** A process that imports what a command needs, as the command does: compiled before, and nothing else. */
const importing = (...names: readonly string[]) => [
  '--eval',
  `require('node:module').enableCompileCache();Promise.all(${JSON.stringify(names)}.map((name)=>import(name))).then(()=>process.exit())`,
]
const NEEDED = ['commander', 'livetree', '@livetree/admin', 'zod', 'undici']

function read(ended: { readonly ms: number; readonly stdout: string }): number {
  if (ended.stdout !== '8080\n') throw new Error(`read ${JSON.stringify(ended.stdout)}`)
  return ended.ms
}

const etcdctl = [`--endpoints=${server.endpoint}`, 'get', '--print-value-only', '/bench/prod/port']
const timings = await race(
  [
    { name: 'bare node', run: () => runNode(['--eval', '0']).ms },
    { name: 'node, import of commander', run: () => runNode(importing('commander')).ms },
    { name: 'livetree --version', run: () => runNode([livetree()[0] ?? '', '--version']).ms },
    { name: `node, import of ${NEEDED.join(', ')}`, run: () => runNode(importing(...NEEDED)).ms },
    { name: 'livetree get', run: () => read(runNode(livetree('get', 'port'), server.endpoint)) },
    {
      name: 'etcdctl get',
      run: () => read(runProgram(server.etcdctlPath, etcdctl, { ...process.env, ETCDCTL_API: '3' })),
    },
  ],
  ROUNDS,
  WARM_UPS,
)
const [bare, commander, version, imports, get, ctl] = timings.map(({ median }) => median) as unknown as [
  bare: number,
  commander: number,
  version: number,
  imports: number,
  get: number,
  ctl: number,
]

publish({
  bench: 'command',
  etcd: server.version,
  method:
    `Wall time of whole processes, ${ROUNDS} of each, in turns, on a loopback etcd, with files in the system's cache and modules in Node's compile cache. ` +
    'The command reads one key of a tree with two overlays, with a configuration file in TypeScript. What a start may take is 1.5 times that of Node alone, and what a process needs beyond that to import what the command needs.',
  timings,
  ratios: [
    {
      what: 'livetree --version against 1.5 × bare node and the import of commander',
      value: version / (1.5 * bare + (commander - bare)),
      aim: 1,
    },
    {
      what: 'livetree get against 1.5 × bare node and its imports',
      value: get / (1.5 * bare + (imports - bare)),
    },
    { what: 'livetree get against etcdctl get', value: get / ctl, aim: 3 },
  ],
})
