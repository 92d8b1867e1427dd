import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startEmbeddedEtcd } from '@livetree/embedded'
import { expect, onTestFinished, test } from 'vitest'
import { runBounded } from '../../scripts/etcd/run-bounded.ts'
import { guardChild } from '../support/child-guard.ts'
import { freePorts } from '../support/free-ports.ts'
import { waitFor } from '../support/wait-for.ts'

const page = readFileSync(new URL('../../docs/start.md', import.meta.url), 'utf8')
const bin = (name: string) => fileURLToPath(new URL(`../../node_modules/.bin/${name}`, import.meta.url))

/** The files of the page in a folder where what they import is found. */
function writeFiles(): string {
  const cache = fileURLToPath(new URL('../../.cache/', import.meta.url))
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'start-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(`${folder}/package.json`, '{"type":"module"}')
  for (const [, path = '', code = ''] of page.matchAll(/```ts\n\/\/ (\S+)\n([\s\S]*?)```/g))
    writeFileSync(`${folder}/${path}`, code)
  return folder
}

/** The lines of the page that call the command, each with what its comment says. */
function commands(): [args: string[], comment: string][] {
  const lines = [...page.matchAll(/^npx livetree (.+?) +# (.*)$/gm)]
  return lines.map(([, args = '', comment = '']) => [args.split(' '), comment])
}

test('docs/start.md: the service of the page follows what the commands of the page write', async () => {
  await using store = await startEmbeddedEtcd()
  const [port] = await freePorts(1)
  const cwd = writeFiles()
  const env = { ...process.env, PORT: String(port), ETCD_ENDPOINTS: store.endpoint }
  const livetree = async (args: string[]) => {
    const { code, stdout, stderr } = await runBounded(bin('livetree'), args, { cwd, env, timeoutMs: 60_000 })
    return `${code}\n${stdout}${stderr}`
  }
  const [first, ...others] = commands()
  expect(await livetree(first![0])).toMatch(/^0\n/)
  const child = spawn(process.execPath, ['main.ts'], { cwd, env })
  const ended = once(child, 'close').finally(guardChild(child.pid!))
  onTestFinished(() => void child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  const printed = (text: string) => waitFor(() => output.includes(text), { what: `"${text}" in:\n${output}` })
  expect(page).toContain('# ready with a pool of 10')
  await printed('ready with a pool of 10')
  for (const [args, comment] of others) {
    expect(await livetree(args), args.join(' ')).toMatch(comment.startsWith('refused') ? /^5\n/ : /^0\n/)
    if (/^pool \d+ → \d+$/.test(comment)) await printed(comment)
  }
  expect(others).toHaveLength(5)
  const answer = await fetch(`http://127.0.0.1:${port}`, { headers: { connection: 'close' } })
  expect(await answer.text()).toBe('Welcome\n')
  child.kill('SIGTERM')
  await ended
  expect(child.exitCode).toBe(0)
})
