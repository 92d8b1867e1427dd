import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
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

it('a host that is cut off falls silent, and goes on when it is back', async ({ skip }) => {
  if (why !== undefined) skip(why)
  const network = makeNetworkHosts(1)
  onTestFinished(() => network[Symbol.dispose]())
  const [host] = network.hosts
  const echo = `import { createServer } from 'node:net'
    createServer((socket) => socket.pipe(socket)).listen(4000, () => console.log('listens'))`
  await runScript(echo, host)

  const socket = connect(4000, host!.address)
  onTestFinished(() => void socket.destroy())
  let heard = ''
  const endings: unknown[] = []
  socket.on('data', (chunk) => {
    heard += chunk.toString()
  })
  socket.on('error', (error) => endings.push(error)).on('close', () => endings.push('closed'))
  socket.write('before ')
  await waitFor(() => heard === 'before ', { what: 'an echo' })
  host!.cut()
  socket.write('while away ')
  await sleep(500)
  expect(heard).toBe('before ')
  host!.plug()
  await waitFor(() => heard === 'before while away ', { timeoutMs: 20_000, what: 'the rest' })
  expect(endings).toEqual([])
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
