import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { makeNetworkHosts, type NetworkHost, whyNoNetworkHosts } from './network-hosts.ts'
import { waitFor } from './wait-for.ts'

const why = whyNoNetworkHosts()

/** Runs a script of Node, on the host where there is one, and resolves when it has printed its first line. */
async function runScript(script: string, host?: NetworkHost) {
  const [program, ...args] = [
    ...(host?.launcher ?? []),
    process.execPath,
    '--input-type=module',
    '-e',
    script,
  ]
  const child = spawn(program!, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return { child, line: line.toString().trim() }
}

const spaces = () => spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout

/** Starts a server on the host that sends back what it gets, and connects to it. */
async function connectToEcho(host: NetworkHost) {
  const echo = `import { createServer } from 'node:net'
    createServer((socket) => socket.pipe(socket)).listen(4000, () => console.log('listens'))`
  await runScript(echo, host)
  const socket = connect(4000, host.address)
  onTestFinished(() => void socket.destroy())
  const seen = { heard: '', endings: [] as unknown[] }
  socket.on('data', (chunk) => {
    seen.heard += chunk.toString()
  })
  socket.on('error', (error) => seen.endings.push(error)).on('close', () => seen.endings.push('closed'))
  const said = (text: string) =>
    waitFor(() => seen.heard.endsWith(text), { timeoutMs: 20_000, what: `an echo of ${text}` })
  return { seen, socket, said }
}

it('a host that is cut off falls silent, alone, and goes on when it is back', async ({ skip }) => {
  if (why !== undefined) skip(why)
  const network = makeNetworkHosts(2)
  onTestFinished(() => network[Symbol.dispose]())
  const [cut, other] = await Promise.all(network.hosts.map(connectToEcho))
  cut!.socket.write('before')
  await cut!.said('before')
  network.hosts[0]!.cut()
  cut!.socket.write(' while away')
  // so many answers of the other one are time enough for one of this one
  for (let turn = 0; turn < 100; turn += 1) {
    other!.socket.write(`turn ${turn}`)
    await other!.said(`turn ${turn}`)
  }
  expect(cut!.seen.heard).toBe('before')
  network.hosts[0]!.plug()
  await cut!.said(' while away')
  expect([cut!.seen.endings, other!.seen.endings]).toEqual([[], []])
})

it('hosts go with the process that made them, also when it is killed', async ({ skip }) => {
  if (why !== undefined) skip(why)
  const url = new URL('network-hosts.ts', import.meta.url).href
  const script = `import { makeNetworkHosts } from '${url}'
    console.log(makeNetworkHosts(2).hosts.map(({ launcher }) => launcher.at(-1)).join(' '))
    setInterval(() => {}, 1000)`
  const { child, line } = await runScript(script)
  const names = line.split(' ')
  expect(names).toHaveLength(2)
  for (const name of names) expect(spaces()).toContain(name)
  child.kill('SIGKILL')
  await waitFor(() => names.every((name) => !spaces().includes(name)), { what: 'the hosts to be gone' })
})
