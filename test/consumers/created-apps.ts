import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { expect } from 'vitest'
import { runBounded } from '../../scripts/etcd/run-bounded.ts'
import { freePorts } from '../support/free-ports.ts'
import { startProgram } from '../support/running-program.ts'
import { waitFor } from '../support/wait-for.ts'
import { type PackageName, type Packed, runNpm } from './consumer.ts'

/** The frameworks that create-livetree has. */
export const CREATED = ['plain', 'express', 'fastify', 'nest'] as const

/** What the apps use of livetree. What others need must come from here too, or npm looks for it in the registry. */
const USED: readonly PackageName[] = [
  ...(['core', 'etcd', 'livetree', 'embedded', 'admin', 'console', 'cli'] as const),
  ...(['express', 'fastify', 'nestjs'] as const),
]

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
  readonly scripts: Readonly<Record<string, string>>
}

/** Apps as `npm create livetree` writes them, beside each other, with what all of them need installed above. */
export interface CreatedApps extends AsyncDisposable {
  readonly folder: string
}

/**
 * Makes an app for each framework by the packed create-livetree.
 *
 * @throws NoRegistryError when the registry cannot be reached
 */
export async function installCreatedApps(packed: Packed): Promise<CreatedApps> {
  const folder = await mkdtemp(join(tmpdir(), 'livetree-created-'))
  const dispose = () => rm(folder, { recursive: true, force: true })
  try {
    await runBounded('tar', ['-xzf', packed.tarballs.get('create-livetree')!, '-C', folder])
    const dependencies: Record<string, string> = {}
    for (const framework of CREATED) {
      const args = [
        join(folder, 'package/bin/create-livetree.js'),
        `app-${framework}`,
        '--framework',
        framework,
      ]
      const { code, stderr } = await runBounded(process.execPath, args, { cwd: folder })
      expect([code, stderr]).toEqual([0, ''])
      const manifest = await manifestOf(folder, framework)
      Object.assign(dependencies, manifest.dependencies, manifest.devDependencies)
    }
    const outside = Object.entries(dependencies).filter(([name]) => !/^(@livetree\/|livetree$)/.test(name))
    const manifest = { private: true, dependencies: Object.fromEntries(outside) }
    await writeFile(join(folder, 'package.json'), JSON.stringify(manifest))
    const tarballs = USED.map((name) => packed.tarballs.get(name)!)
    const options = ['--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts']
    await runNpm(['install', ...options, ...tarballs], folder)
  } catch (error) {
    await dispose()
    throw error
  }
  return { folder, [Symbol.asyncDispose]: dispose }
}

async function manifestOf(folder: string, framework: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(folder, `app-${framework}/package.json`), 'utf8'))
}

/** Does with an app what its README says: types, tests, build, `dev`, a change by the command, and `start`. */
export async function tryCreatedApp({ folder }: CreatedApps, framework: string): Promise<void> {
  const cwd = join(folder, `app-${framework}`)
  const { scripts } = await manifestOf(folder, framework)
  const bins = join(folder, 'node_modules/.bin')
  const path = [bins, dirname(process.execPath), process.env['PATH']].join(delimiter)
  const env: NodeJS.ProcessEnv = { ...process.env, PATH: path, NO_COLOR: '1', NODE_NO_WARNINGS: '1' }
  const run = async (command = '', more: NodeJS.ProcessEnv = {}) => {
    const options = { cwd, env: { ...env, ...more }, timeoutMs: 60_000 }
    const { code, stdout, stderr } = await runBounded('sh', ['-c', command], options)
    expect([code, command, stdout, stderr].slice(0, code === 0 ? 1 : 4), command).toEqual([0])
    return stdout
  }
  const [typed, tested] = await Promise.all([run(scripts['types']), run(scripts['test'])])
  expect(typed).toBe('')
  expect(tested).toMatch(/pass 1\n/)
  await run(scripts['build'])

  const [port = 0, other = 0] = await freePorts(2)
  const args = scripts['dev']!.split('node ').at(-1)!.split(' ')
  const dev = startProgram(process.execPath, args, {
    cwd,
    env: { ...env, STORE_PORT: '0', APP_HTTP__PORT: String(port) },
  })
  await dev.printed(`http://localhost:${port}`)
  const store = { ETCD_ENDPOINTS: /store: (\S+)/.exec(dev.output)?.[1] }
  const greeted = async (at: number) =>
    (await fetch(`http://localhost:${at}/ann`, { headers: { connection: 'close' } })).text()
  expect(await greeted(port)).toBe('Hello, ann!\n')
  await run('livetree set greeting "Good morning"', store)
  await waitFor(async () => (await greeted(port)) === 'Good morning, ann!\n')

  const app = startProgram('sh', ['-c', `exec ${scripts['start']}`], {
    cwd,
    env: { ...env, ...store, APP_HTTP__PORT: String(other) },
  })
  await app.printed(`http://localhost:${other}`)
  expect(await greeted(other)).toBe('Good morning, ann!\n')
  expect((await fetch(`http://localhost:${other}/readyz`)).status).toBe(200)
  for (const program of [app, dev]) {
    program.kill('SIGTERM')
    expect([0, 'SIGTERM']).toContain(await program.ended())
  }
}
