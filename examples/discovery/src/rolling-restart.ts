import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** Replaces three instances of version 1 by version 2, one after the other, while a caller calls them without pause. */
const INSTANCES = 3

/** Starts a script of this folder, prints what it prints, and waits until it prints this. */
async function start(until: string, script: string, ...args: readonly string[]): Promise<ChildProcess> {
  const path = new URL(script, import.meta.url).pathname
  const child = spawn(process.execPath, [path, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  process.once('exit', () => child.kill())
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => console.log(line))
  const ended = once(child, 'exit').then(() => {
    throw new Error(`${script} ended instead of printing "${until}"`)
  })
  const printed = new Promise<void>((resolve) => {
    lines.on('line', (line) => line.includes(until) && resolve())
  })
  ended.catch(() => undefined)
  await Promise.race([printed, ended])
  return child
}

const old = await Promise.all(
  Array.from({ length: INSTANCES }, () => start('registered', 'instance.ts', '1')),
)
const caller = await start('requests, 0 failed', 'caller.ts')
const young: ChildProcess[] = []
for (const instance of old) {
  young.push(await start('registered', 'instance.ts', '2'))
  instance.kill('SIGTERM')
  await once(instance, 'exit')
}
caller.stdin?.end()
await once(caller, 'close')
for (const instance of young) {
  instance.kill('SIGTERM')
  await once(instance, 'exit')
}
