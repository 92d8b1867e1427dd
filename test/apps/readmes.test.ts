import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { runBounded } from '../../scripts/etcd/run-bounded.ts'
import { guardChild } from '../support/child-guard.ts'
import { freePorts } from '../support/free-ports.ts'
import { waitFor } from '../support/wait-for.ts'

interface Case {
  readonly name: string
  /** Where what the samples import is installed. */
  readonly neighbour: string
  /** Its tests, and how many there are. */
  readonly tests: readonly [string, number]
  /** What `main.ts` reads. */
  readonly file: readonly [string, string]
}

const common = 'greeting: hello\ncors: { origins: [] }\nlimits: { windowMs: 60000, max: 9 }\n'
const cases: readonly Case[] = [
  { name: 'express', neighbour: 'express-shop', tests: ['app.test', 1], file: ['shop.yaml', common] },
  {
    name: 'fastify',
    neighbour: 'fastify-shop',
    tests: ['app.test', 1],
    file: ['shop.yaml', 'greeting: hello\nlog: { level: info }\ncors: { origins: [] }\nlimits: { max: 9 }\n'],
  },
  {
    name: 'nestjs',
    neighbour: 'nestjs-shop',
    tests: ['mailer.test', 2],
    file: ['checkout.yaml', 'mail: { from: post@example.com }\n'],
  },
]

const root = new URL('../../', import.meta.url)
const tsconfig = {
  extends: '../../../tsconfig.base.json',
  compilerOptions: {
    rootDir: '.',
    outDir: 'dist',
    composite: false,
    declaration: false,
    declarationMap: false,
    sourceMap: false,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    erasableSyntaxOnly: false,
  },
  include: ['*.ts'],
}

/** Every sample with a file's name in its first line. */
function samplesOf(name: string): Map<string, string> {
  const readme = readFileSync(new URL(`packages/${name}/README.md`, root), 'utf8')
  const samples = [...readme.matchAll(/```ts\n\/\/ ([\w.-]+\.ts)\b[^\n]*\n([\s\S]*?)```/g)]
  expect([...readme.matchAll(/```ts\n/g)], 'every sample says which file it is').toHaveLength(samples.length)
  return new Map(samples.map(([, file, code]) => [file!, code!]))
}

/** The samples as files of a project beside the example of that framework, whose packages it finds. */
function writeProject({ name, neighbour, file: [path, content] }: Case): string {
  const beside = fileURLToPath(new URL(`examples/${neighbour}/`, root))
  mkdirSync(`${beside}node_modules`, { recursive: true })
  const folder = mkdtempSync(`${beside}.readme-`)
  onTestFinished(() => rmSync(folder, { recursive: true }))
  for (const [sample, code] of samplesOf(name)) writeFileSync(`${folder}/${sample}`, code)
  writeFileSync(`${folder}/tsconfig.json`, JSON.stringify(tsconfig))
  writeFileSync(`${folder}/package.json`, '{"type":"module"}')
  writeFileSync(`${folder}/${path}`, content)
  return folder
}

test.each(cases)('the samples of the README of $name compile, its tests pass, its app runs', async (each) => {
  const folder = writeProject(each)
  const tsc = fileURLToPath(new URL('node_modules/typescript/bin/tsc', root))
  const run = (args: readonly string[]) =>
    runBounded(process.execPath, args, { cwd: folder, timeoutMs: 60_000 })
  const compiled = await run([tsc, '--project', '.'])
  expect(compiled.stdout).toBe('')
  const [tests, count] = each.tests
  const tested = await run(['--test', `dist/${tests}.js`])
  expect(tested.stdout).toContain(`pass ${count}\n`)
  expect(tested.stdout).toContain('fail 0\n')
  const [path] = each.file
  cpSync(`${folder}/${path}`, `${folder}/dist/${path}`)
  expect(await startAndEnd(`${folder}/dist`)).toEqual({ isEnded: true, errors: '' })
})

/** Starts `main.js` on a free port, asks it something, and tells it to end. */
async function startAndEnd(cwd: string): Promise<{ isEnded: boolean; errors: string }> {
  const [port] = await freePorts(1)
  const env = { ...process.env, PORT: String(port) }
  const child = spawn(process.execPath, ['main.js'], { cwd, env })
  const stopGuard = guardChild(child.pid!)
  let errors = ''
  child.stderr.on('data', (chunk) => (errors += chunk))
  child.stdout.resume()
  const ended = once(child, 'close').finally(stopGuard)
  onTestFinished(() => void child.kill('SIGKILL'))
  const isUp = () =>
    fetch(`http://127.0.0.1:${port}`, { headers: { connection: 'close' } }).then(
      () => true,
      () => false,
    )
  await waitFor(async () => child.exitCode !== null || (await isUp()), { what: 'main.js to listen' })
  child.kill('SIGTERM')
  await ended
  return { isEnded: child.exitCode === 0 || child.signalCode === 'SIGTERM', errors }
}
