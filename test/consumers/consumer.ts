import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type RunResult, runBounded } from '../../scripts/etcd/run-bounded.ts'

const repository = fileURLToPath(new URL('../../', import.meta.url))

/** What is published. */
export const packageNames = [
  'core',
  'etcd',
  'livetree',
  'express',
  'nestjs',
  'fastify',
  'openfeature',
  'telemetry',
  'create-livetree',
  'embedded',
  'coordination',
  'discovery',
  'admin',
  'console',
  'cli',
] as const
export type PackageName = (typeof packageNames)[number]

/** The packages as npm would publish them. */
export interface Packed extends AsyncDisposable {
  readonly tarballs: ReadonlyMap<PackageName, string>
}

/** A project outside of the repository that has installed the packed packages, as a user's would. */
export interface Consumer extends AsyncDisposable {
  /** Runs a script or program of the project with this Node. Throws with its output when it does not end with 0. */
  runNode(args: readonly string[], env?: Record<string, string>): Promise<string>
  /** Writes a file of the project. */
  write(path: string, text: string): Promise<void>
}

/** The registry cannot be reached; nothing is wrong with the packages. */
export class NoRegistryError extends Error {}

/** Packs every package. They have to be built. */
export async function packAll(): Promise<Packed> {
  const folder = await mkdtemp(join(tmpdir(), 'livetree-packed-'))
  const folders = packageNames.map((name) => `./packages/${name}`)
  const args = ['pack', '--silent', '--pack-destination', folder, ...folders]
  // One line for each, in the order of the arguments.
  const { stdout } = await runNpm(args, repository)
  const files = stdout.trim().split('\n')
  const tarballs = new Map(packageNames.map((name, index) => [name, join(folder, files[index]!)]))
  return { tarballs, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) }
}

/**
 * Makes a project from `projects/<name>` and installs it with the packed packages it uses.
 *
 * @throws NoRegistryError when the registry cannot be reached
 */
export async function installConsumer(
  name: string,
  packed: Packed,
  uses: readonly PackageName[],
): Promise<Consumer> {
  const cwd = await mkdtemp(join(tmpdir(), `livetree-${name}-`))
  const dispose = () => rm(cwd, { recursive: true, force: true })
  try {
    await cp(new URL(`projects/${name}/`, import.meta.url), cwd, { recursive: true })
    // those that others need must come from here too, or npm looks for them in the registry
    const all = new Set<PackageName>(['core', 'etcd', 'livetree', ...uses])
    const tarballs = [...all].map((one) => packed.tarballs.get(one)!)
    await runNpm(
      ['install', '--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts', ...tarballs],
      cwd,
    )
  } catch (error) {
    await dispose()
    throw error
  }
  return {
    async runNode(args, env = {}) {
      const options = { cwd, timeoutMs: 90_000, env: { ...process.env, ...env } }
      return outputOf(await runBounded(process.execPath, args, options), args)
    },
    write: (path, text) => writeFile(join(cwd, path), text),
    [Symbol.asyncDispose]: dispose,
  }
}

/** `bin` of a package that a project has installed, as a path from the project. */
export async function binOf(tool: string, from: string = repository): Promise<string> {
  const { bin } = JSON.parse(await readFile(join(from, 'node_modules', tool, 'package.json'), 'utf8'))
  const path: string = typeof bin === 'string' ? bin : Object.values<string>(bin)[0]!
  return join(from, 'node_modules', tool, path)
}

/** Runs npm, as outside of this repository. @throws NoRegistryError when the registry cannot be reached */
export async function runNpm(args: readonly string[], cwd: string): Promise<RunResult> {
  // what `npm test` tells its children of this repository is not meant for the project
  const env = { ...process.env }
  for (const name of Object.keys(env))
    if (/^npm_(package|lifecycle|config_local_prefix)/.test(name)) delete env[name]
  const result = await runBounded('npm', args, { cwd, env, timeoutMs: 90_000 })
  if (/\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH)\b/.test(result.stderr)) {
    throw new NoRegistryError(`npm cannot reach its registry: ${result.stderr.slice(0, 500)}`)
  }
  outputOf(result, ['npm', ...args])
  return result
}

function outputOf({ code, ending, stdout, stderr }: RunResult, command: readonly string[]): string {
  if (code !== 0) throw new Error(`${command.join(' ')}: ${ending}\n${stdout}\n${stderr}`)
  return stdout + stderr
}
