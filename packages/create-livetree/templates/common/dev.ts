// npm run dev: a store for development, the values of tree.yaml in it, and the app. A production store is an etcd cluster.
import { run } from '@livetree/cli'
import { startEmbeddedEtcd } from '@livetree/embedded'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'

const dataFile = '.livetree/store.db'
const imported = '.livetree/imported'
mkdirSync('.livetree', { recursive: true })

const port = Number(process.env['STORE_PORT'] ?? 2379)
await using store = await startEmbeddedEtcd({ port, dataFile }).catch((error: Error) => {
  console.error(`The store does not start: ${error.message}`)
  console.error(
    'If another program has the port, such as an etcd, take another one: STORE_PORT=2390 npm run dev',
  )
  process.exit(1)
})
const env = { ...process.env, ETCD_ENDPOINTS: store.endpoint }
Object.assign(process.env, env)
const { stdin, stdout, stderr } = process
if (!existsSync(imported)) {
  const code = await run(['import', 'tree.yaml', '--yes'], { stdin, stdout, stderr, env, cwd: process.cwd() })
  if (code !== 0) {
    await store.close()
    process.exit(code)
  }
  writeFileSync(imported, '')
}
console.log(`store: ${store.endpoint}`)

const app = spawn(process.execPath, process.argv.slice(2), { env, stdio: 'inherit' })
const ended = once(app, 'exit')
// Ctrl-C reaches the app by itself; the store ends after it.
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => void app.kill('SIGTERM'))
await ended
const wasAsked = app.signalCode === 'SIGINT' || app.signalCode === 'SIGTERM'
process.exitCode = app.exitCode ?? (wasAsked ? 0 : 1)
