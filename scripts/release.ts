import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/** In this order each package's dependencies are there before it. */
const packages = [
  'core',
  'etcd',
  'livetree',
  'embedded',
  'coordination',
  'discovery',
  'admin',
  'console',
  'cli',
  'express',
  'nestjs',
  'fastify',
  'openfeature',
  'telemetry',
  'create-livetree',
] as const
const root = fileURLToPath(new URL('../', import.meta.url))

const usage = `npm run release -- --tag v1.2.3 --repository https://host/owner/name [--dry-run]

Publishes every package in the version that the tag names, with provenance. For the workflow "release", which the
registry trusts; --dry-run does all but the publishing. What is published names the repository, since provenance is
only accepted where that is the one the workflow runs in.`

class Refusal extends Error {}

/** What a release needs, or a refusal that says what to do. */
function readOptions(): { version: string; repository: string; isDryRun: boolean } {
  const { values } = parseArgs({
    options: {
      tag: { type: 'string', default: '' },
      repository: { type: 'string', default: '' },
      'dry-run': { type: 'boolean', default: false },
    },
  })
  const version = /^v(\d+\.\d+\.\d+(?:-[\w.]+)?)$/.exec(values.tag)?.[1]
  if (version === undefined) throw new Refusal(`--tag is "${values.tag}", not a version such as v1.2.3`)
  if (!/^https:\/\/[^/]+\/[^/]+\/[^/]+$/.test(values.repository))
    throw new Refusal(`--repository is "${values.repository}", not https://host/owner/name`)
  const heading = new RegExp(`^## ${version.replaceAll('.', '\\.')}( |$)(?!.*unreleased)`, 'm')
  if (!heading.test(readFileSync(`${root}CHANGELOG.md`, 'utf8')))
    throw new Refusal(`CHANGELOG.md has no section "## ${version}" with the date of the release`)
  return { version, repository: values.repository, isDryRun: values['dry-run'] }
}

function publish(name: string, options: ReturnType<typeof readOptions>): void {
  const directory = `packages/${name}`
  const path = `${root}${directory}/package.json`
  const text = readFileSync(path, 'utf8')
  const manifest = JSON.parse(text) as { version: string }
  if (manifest.version !== options.version)
    throw new Refusal(`${path} has version ${manifest.version}, and the tag names ${options.version}`)
  const repository = { type: 'git', url: `git+${options.repository}.git`, directory }
  const homepage = `${options.repository}/tree/main/${directory}#readme`
  const bugs = { url: `${options.repository}/issues` }
  writeFileSync(path, `${JSON.stringify({ ...manifest, repository, homepage, bugs }, null, 2)}\n`)
  const args = ['publish', '--access', 'public', ...(options.isDryRun ? ['--dry-run'] : ['--provenance'])]
  const { status } = spawnSync('npm', args, { cwd: `${root}${directory}`, stdio: 'inherit' })
  writeFileSync(path, text)
  if (status !== 0)
    throw new Refusal(`npm publish of ${name} ended with ${status}; those before it are published`)
}

try {
  const options = readOptions()
  for (const name of packages) publish(name, options)
} catch (error) {
  if (!(error instanceof Refusal) && !(error instanceof TypeError)) throw error
  console.error(`${error.message}\n\n${usage}`)
  process.exitCode = 1
}
