import { Client, credentials, Server, ServerCredentials } from '@grpc/grpc-js'
import { createElection, createMutex, openElectionView } from '@livetree/coordination'
import { registerGrpcResolver } from '@livetree/discovery/grpc'
import { op } from '@livetree/etcd'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { isPending, keysOf, open } from '../integration/coordination/kit.ts'
import { discoveryOn } from '../integration/discovery/discovery-kit.ts'
import { connect } from '../integration/etcd/watch-kit.ts'
import { eachEtcd } from '../support/each-etcd.ts'
import { startProgram } from '../support/running-program.ts'
import { waitFor } from '../support/wait-for.ts'
import { buildGoPrograms, GO_NEEDED, type GoProgram } from './go-programs.ts'

const isWanted = (process.env.LIVETREE_INTEROP ?? '') !== ''
/** Contenders in each language, and holds of each. */
const TASKS = 3
const ROUNDS = 40
const BUILD_LIMIT_MS = 900_000

if (!isWanted) {
  test('Go programs share locks, elections and endpoints', (context) =>
    context.skip(`\`npm run interop\` runs it. ${GO_NEEDED}`))
}

describe.runIf(isWanted)('a program with the Go client of etcd', () => {
  let pathOf: (program: GoProgram) => string
  beforeAll(async () => {
    pathOf = await buildGoPrograms()
  }, BUILD_LIMIT_MS)
  const start = (program: GoProgram, ...args: readonly string[]) => startProgram(pathOf(program), args)

  eachEtcd('on', (etcd) => {
    test('shares a lock: no hold of either side is lost, and they take turns', async () => {
      const server = await etcd.start()
      const client = connect(server.endpoint)
      const session = await open(client)
      const go = start('lock', server.endpoint, 'locks/a', 'counter', String(TASKS), String(ROUNDS))
      const mutex = createMutex(session, 'locks/a')
      const holders: string[] = []
      const contend = async () => {
        for (let round = 0; round < ROUNDS; round += 1) {
          await using lock = await mutex.acquire({ timeoutMs: 60_000 })
          // What it reads stays true while it holds the lock, because everybody writes it with the lock only.
          const count = Number((await client.kv.get('counter'))?.text ?? 0)
          await lock.commit(op.put('counter', String(count + 1)))
          holders[count + 1] = 'node'
        }
      }
      await go.printed('locks/a/')
      await Promise.all(Array.from({ length: TASKS }, contend))
      await go.printed('done')
      expect(await go.ended()).toBe(0)
      const all = 2 * TASKS * ROUNDS
      expect((await client.kv.get('counter'))?.text).toBe(String(all))
      const holds = go.lines.filter((line) => line.startsWith('locks/a/'))
      for (const line of holds) {
        expect(line).toMatch(/^locks\/a\/[0-9a-f]+ \d+$/)
        holders[Number(line.split(' ')[1])] = 'go'
      }
      // Each number was given to one hold, and while both contend nobody gets it more than once for each contender.
      expect(Object.keys(holders).length).toBe(all)
      const both = holders.slice(
        Math.max(holders.indexOf('node'), holders.indexOf('go')),
        Math.min(holders.lastIndexOf('node'), holders.lastIndexOf('go')),
      )
      const streaks = both.join(' ').match(/\b(\w+)(?: \1)*\b/g) ?? []
      expect(streaks.length).toBeGreaterThan(both.length / (2 * TASKS))
      expect(await keysOf(client, 'locks/')).toEqual([])
    })

    test('shares an election: one leader, whose values both sides see, also after a crash', async () => {
      const server = await etcd.start()
      const client = connect(server.endpoint)
      const election = createElection(await open(client), 'elections/a')
      await using view = await openElectionView(client, 'elections/a')
      const leader = () => String(view.leader?.value)
      const go = start('elect', server.endpoint, 'elections/a', '2')
      await go.printed('ready')
      const first = await election.campaign('node 1')
      await go.printed('sees node 1')
      go.say('campaign go 1')
      await waitFor(() => view.candidates.length === 2)
      await first.proclaim('node 2')
      await go.printed('sees node 2')
      expect(go.output).not.toContain('leads')
      await first.resign()
      await go.printed(/leads elections\/a\/[0-9a-f]+\n/)
      await waitFor(() => leader() === 'go 1')
      const second = election.campaign('node 3')
      await waitFor(() => view.candidates.length === 2)
      go.say('proclaim go 2')
      await waitFor(() => leader() === 'go 2')
      expect(await isPending(second)).toBe(true)
      go.say('resign')
      const led = await second
      await go.printed('resigned')
      await led.verify()
      go.say('campaign go 3')
      await waitFor(() => view.candidates.length === 2)
      await led.resign()
      await waitFor(() => leader() === 'go 3')
      const third = election.campaign('node 4')
      await waitFor(() => view.candidates.length === 2)
      go.kill('SIGKILL')
      const last = await third
      await last.verify()
      await waitFor(() => leader() === 'node 4')
      expect(last.token).toBeGreaterThan(led.token)
    })

    test('resolves what Node registers, and Node resolves what it registers', async () => {
      const server = await etcd.start()
      const { client, discovery } = discoveryOn(server.endpoint)
      const go = start('naming', server.endpoint, 'services/health')
      await go.printed('listens')
      const goAddress = /listens (\S+)/.exec(go.output)?.[1] ?? ''
      const nodePort = await startHealthServer()
      const nodeAddress = `127.0.0.1:${nodePort}`

      const registration = await discovery.register({
        service: 'health',
        protocol: 'grpc',
        advertise: { host: '127.0.0.1', port: nodePort },
        zone: 'eu-1',
        weight: 50,
        metadata: { shard: 3 },
      })
      await go.printed(`add ${registration.key} ${nodeAddress}`)
      go.say('call')
      await go.printed(`answer SERVING from ${nodeAddress}`)

      await using view = await discovery.openService('health')
      go.say('register')
      await waitFor(() => view.endpoints.length === 2)
      const [ofGo] = view.endpoints.filter(({ address }) => address === goAddress)
      expect(ofGo).toMatchObject({ key: `services/health/${goAddress}`, weight: 100, metadata: {} })
      go.say('list')
      await go.printed(`endpoints [${[goAddress, nodeAddress].sort().join(' ')}]`)

      const scheme = `livetree-${etcd.kind.replace('.', '-')}`
      registerGrpcResolver(discovery, { scheme })
      const grpc = new Client(`${scheme}:///health`, credentials.createInsecure())
      onTestFinished(() => grpc.close())
      // Go weighs 100 and Node 50; both answer.
      const peers = new Set<string>()
      await waitFor(async () => peers.add(await checkHealth(grpc)).size === 2, { timeoutMs: 30_000 })
      expect([...peers].sort()).toEqual([goAddress, nodeAddress].sort())

      await registration.update({ weight: 70 })
      await registration.deregister()
      await go.printed(`delete ${registration.key}`)
      const before = go.output.length
      for (const _ of [1, 2, 3]) go.say('call')
      await waitFor(() => go.output.slice(before).split('answer SERVING from').length === 4)
      expect(go.output.slice(before)).not.toContain(nodeAddress)
      await waitFor(async () => (await checkHealth(grpc)) === goAddress)
      go.say('deregister')
      await waitFor(async () => (await keysOf(client, 'services/')).length === 0)
      go.say('end')
      expect(await go.ended()).toBe(0)
    })
  })
})

const HEALTH = '/grpc.health.v1.Health/Check'
const bytes = (value: Buffer) => value
/** `HealthCheckResponse { status: SERVING }`. */
const SERVING = Buffer.from([8, 1])

/** Serves grpc.health.v1.Health with grpc-js. Returns its port. */
async function startHealthServer(): Promise<number> {
  const server = new Server()
  const method = {
    path: HEALTH,
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  } as const
  server.addService(
    { check: method },
    { check: (_: unknown, done: (error: null, value: Buffer) => void) => done(null, SERVING) },
  )
  onTestFinished(() => server.forceShutdown())
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    )
  })
}

/** Asks a server found by discovery for its health. Returns its address. */
function checkHealth(client: Client): Promise<string> {
  return new Promise((resolve, reject) => {
    const deadline = Date.now() + 20_000
    const call = client.makeUnaryRequest(
      HEALTH,
      bytes,
      bytes,
      Buffer.alloc(0),
      { deadline },
      (error, value) => {
        if (error !== null) reject(error)
        else if (value?.equals(SERVING)) resolve(call.getPeer())
        else reject(new Error(`it answered ${value?.toString('hex')}`))
      },
    )
  })
}
