import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// `npm run set-version -- 1.2.3`: writes the version into every package and example, and into what they say of each other, and
// brings package-lock.json up to date. The section in CHANGELOG.md is written by hand.

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const KINDS = ['dependencies', 'devDependencies', 'peerDependencies', 'optionalDependencies'] as const

type Manifest = { name: string; version: string } & Partial<
  Record<(typeof KINDS)[number], Record<string, string>>
>

/** The manifests of all workspaces, by the path of their file. */
function readManifests(): Map<string, Manifest> {
  const folders = ['packages', 'examples'].flatMap((parent) =>
    readdirSync(`${ROOT}${parent}`).map((name) => `${ROOT}${parent}/${name}/package.json`),
  )
  return new Map(folders.map((path) => [path, JSON.parse(readFileSync(path, 'utf8')) as Manifest]))
}

/** A manifest of the new version, which names the new one of the others where it named their old one exactly. */
function withVersion(manifest: Manifest, version: string, old: ReadonlyMap<string, string>): Manifest {
  const changed: Manifest = { ...manifest, version }
  for (const kind of KINDS) {
    const given = manifest[kind]
    if (given === undefined) continue
    const entries = Object.entries(given).map(([name, range]) => [
      name,
      range === old.get(name) ? version : range,
    ])
    changed[kind] = Object.fromEntries(entries)
  }
  return changed
}

/** The command says its version without reading a file. */
function writeCommandVersion(version: string): void {
  const path = `${ROOT}packages/cli/src/command-line/version.ts`
  const text = readFileSync(path, 'utf8')
  writeFileSync(path, text.replace(/(VERSION = ')[^']+/, `$1${version}`))
}

const [version = ''] = process.argv.slice(2)
if (/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) {
  const manifests = readManifests()
  const old = new Map([...manifests.values()].map(({ name, version }) => [name, version]))
  for (const [path, manifest] of manifests)
    writeFileSync(path, `${JSON.stringify(withVersion(manifest, version, old), null, 2)}\n`)
  writeCommandVersion(version)
  const args = ['install', '--package-lock-only', '--no-audit', '--no-fund']
  process.exitCode = spawnSync('npm', args, { cwd: ROOT, stdio: 'inherit' }).status ?? 1
  console.log(`${manifests.size} packages and examples have version ${version}.`)
} else {
  console.error(`"${version}" is no version.\n\nnpm run set-version -- 1.2.3`)
  process.exitCode = 64
}
