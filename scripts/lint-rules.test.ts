import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runBounded } from './etcd/run-bounded.ts'

const boundaries: readonly [from: string, refused: string, allowed: string][] = [
  ['packages/core/src/define-config.ts', '@livetree/etcd', 'zod'],
  ['packages/core/src/define-config.ts', 'livetree', 'node:fs'],
  ['packages/core/src/pipeline/diff.ts', '../source/file.ts', '../source/source.ts'],
  ['packages/core/src/pipeline/diff.ts', '../live/live.ts', '../schema/plan.ts'],
  ['packages/core/src/pipeline/diff.ts', 'node:fs/promises', 'node:util'],
  ['packages/core/src/pipeline/diff.ts', '@livetree/etcd', './outcome.ts'],
  ['packages/core/src/schema/schema-node.ts', '../source/env.ts', '../source/source.ts'],
  ['packages/core/src/schema/schema-node.ts', '../pipeline/diff.ts', '../errors.ts'],
  ['packages/core/src/schema/schema-node.ts', '../live/live.ts', './secret.ts'],
  ['packages/core/src/schema/schema-node.ts', 'node:http', 'node:crypto'],
  ['packages/core/src/source/file.ts', '../pipeline/diff.ts', './source.ts'],
  ['packages/core/src/source/file.ts', '../schema/plan.ts', 'node:fs'],
  ['packages/core/src/source/file.ts', '../live/live.ts', '../errors.ts'],
  ['packages/core/src/updates/update-queue.ts', '../events/notifier.ts', '../pipeline/diff.ts'],
  ['packages/core/src/events/notifier.ts', '../live/freshness.ts', '../updates/snapshot.ts'],
  ['packages/core/src/resource/resource.ts', '../startup/startup.ts', '../events/diagnostics.ts'],
  ['packages/core/src/request/pin.ts', '../live/loaded-config.ts', '../updates/snapshot.ts'],
  ['packages/core/src/startup/startup.ts', '../live/loaded-config.ts', '../updates/update-processor.ts'],
  ['packages/core/src/encryption/envelope.ts', '../schema/secret.ts', './aes-gcm.ts'],
  ['packages/core/src/keyring/live-keys.ts', '../pipeline/opener.ts', '../source/watched-file.ts'],
  ['packages/core/src/pipeline/opener.ts', '../keyring/keyring.ts', '../encryption/envelope.ts'],
  ['packages/core/src/format/cover.ts', '../source/file.ts', '../source/source.ts'],
  ['packages/core/src/format/cover.ts', '../schema/text.ts', './json-text.ts'],
  ['packages/core/src/source/file.ts', '../tools/read-once.ts', '../format/json-text.ts'],
  ['packages/core/src/pipeline/diff.ts', '../tools/index.ts', '../format/cover.ts'],
  ['packages/core/src/pipeline/diff.ts', '../load.ts', '../errors.ts'],
  ['packages/core/src/updates/update-queue.ts', '../adapter/index.ts', '../clock.ts'],
  ['packages/core/src/live/status.ts', '../tools/index.ts', '../live-config.ts'],
  ['packages/core/src/live/status.ts', '../testing/index.ts', '../startup/startup.ts'],
  ['packages/core/src/live/status.ts', '../index.ts', '../updates/snapshot.ts'],
  ['packages/core/src/adapter/index.ts', '../live/health.ts', '../request/request-pin.ts'],
  ['packages/core/src/adapter/index.ts', '../tools/index.ts', '../callback.ts'],
  ['packages/core/src/testing/index.ts', '../live/loaded-config.ts', '../load.ts'],
  ['packages/core/src/testing/index.ts', '../pipeline/diff.ts', '../source/memory.ts'],
  ['packages/core/src/tools/read-once.ts', '../live/loaded-config.ts', '../pipeline/validate.ts'],
  ['packages/core/src/tools/read-once.ts', '../events/notifier.ts', '../updates/source-state.ts'],
  ['packages/core/src/tools/read-once.ts', '../load.ts', '../config-definition.ts'],
  ['packages/core/src/clock.ts', './schema/text.ts', './source/source.ts'],
  ['packages/core/src/clock.ts', './live/status.ts', './errors.ts'],
  ['packages/livetree/src/index.ts', '../../core/src/load.ts', './operate/index.ts'],
  ['packages/express/src/index.ts', '../../core/src/request/request-pin.ts', '@livetree/core/adapter'],
  ['packages/etcd/src/client.ts', '@livetree/core', 'undici'],
  ['packages/etcd/src/client.ts', 'livetree', './wire/index.ts'],
  ['packages/livetree/src/etcd-source.ts', '@livetree/embedded', '@livetree/etcd'],
  ['packages/express/src/index.ts', '@livetree/etcd', '@livetree/core'],
  ['packages/nestjs/src/index.ts', '@livetree/express', '@nestjs/common'],
  ['packages/fastify/src/index.ts', 'livetree', 'fastify'],
  ['packages/openfeature/src/index.ts', '@livetree/etcd', '@livetree/core'],
  ['packages/telemetry/src/index.ts', '@livetree/admin', '@livetree/etcd'],
  ['packages/telemetry/src/opentelemetry/index.ts', 'livetree', '@livetree/core'],
  ['packages/create-livetree/src/main.ts', '@livetree/core', 'node:fs'],
  ['packages/openfeature/src/schema/index.ts', 'livetree', '@livetree/core/adapter'],
  ['packages/fastify/src/discovery/index.ts', '@livetree/etcd', '@livetree/discovery'],
  ['packages/embedded/src/engine.ts', '@livetree/etcd', '@livetree/etcd/wire'],
  ['packages/embedded/src/engine.ts', '@livetree/core', 'node:http2'],
  ['packages/coordination/src/mutex.ts', '@livetree/etcd/wire', '@livetree/etcd'],
  ['packages/coordination/src/mutex.ts', '@livetree/core', '@livetree/etcd'],
  ['packages/discovery/src/index.ts', '@livetree/core', '@livetree/etcd'],
  ['packages/admin/src/index.ts', '@livetree/embedded', '@livetree/core'],
  ['packages/console/src/index.ts', '@livetree/etcd', '@livetree/admin'],
  ['packages/console/ui/main.tsx', '@livetree/admin', 'preact'],
  ['packages/cli/src/index.ts', '@livetree/embedded', '@livetree/admin'],
]

/** The same for single files, which have rules of their own. */
const fileBoundaries: readonly [file: string, refused: string, allowed: string][] = [
  ['packages/core/src/define-config.ts', 'undici', './source/file.ts'],
  ['packages/core/src/load.ts', './tools/index.ts', './live/loaded-config.ts'],
  ['packages/core/src/live-config.ts', './testing/index.ts', './updates/snapshot.ts'],
  ['packages/core/src/index.ts', './adapter/index.ts', './testing/index.ts'],
]

/** The public entries that the sources of each package may import; those of all others are refused. */
const ENTRIES: Readonly<Record<string, readonly string[]>> = {
  'admin/src': [
    '@livetree/core',
    '@livetree/core/source',
    '@livetree/core/tools',
    '@livetree/etcd',
    'livetree',
    'livetree/operate',
  ],
  'cli/src': [
    '@livetree/admin',
    '@livetree/console',
    '@livetree/core',
    '@livetree/core/source',
    '@livetree/core/tools',
    '@livetree/etcd',
    'livetree',
    'livetree/operate',
  ],
  'console/src': ['@livetree/admin', '@livetree/core', '@livetree/core/source', '@livetree/core/tools'],
  'console/ui': [],
  'coordination/src': ['@livetree/etcd'],
  'core/src': [],
  'create-livetree/src': [],
  'discovery/src': ['@livetree/etcd'],
  'embedded/src': ['@livetree/etcd/wire'],
  'etcd/src': [],
  'express/src': ['@livetree/core', '@livetree/core/adapter', '@livetree/core/testing'],
  'fastify/src': ['@livetree/core', '@livetree/core/adapter', '@livetree/core/testing'],
  'fastify/src/discovery': ['@livetree/discovery'],
  'livetree/src': [
    '@livetree/core',
    '@livetree/core/source',
    '@livetree/core/testing',
    '@livetree/core/tools',
    '@livetree/etcd',
  ],
  'nestjs/src': ['@livetree/core', '@livetree/core/adapter', '@livetree/core/testing'],
  'nestjs/src/discovery': ['@livetree/discovery'],
  'openfeature/src': ['@livetree/core', '@livetree/core/adapter', '@livetree/core/testing'],
  'telemetry/src': ['@livetree/core', '@livetree/core/adapter', '@livetree/core/tools', '@livetree/etcd'],
}

const PACKAGES = new URL('../packages/', import.meta.url)

/** Every public entry of every package, by the name to import it. */
const entries = readdirSync(PACKAGES).flatMap((folder) => {
  const text = readFileSync(new URL(`${folder}/package.json`, PACKAGES), 'utf8')
  const { name, exports } = JSON.parse(text) as { name: string; exports: Readonly<Record<string, unknown>> }
  return Object.keys(exports).map((entry) => `${name}${entry.slice(1)}`)
})

const bans: readonly [what: string, rule: string, from: string, refused: string][] = [
  ['any in source', 'suspicious/noExplicitAny', 'packages/etcd/src/a.ts', 'export const a = (b: any) => b'],
  ['a clock', 'style/noRestrictedGlobals', 'packages/core/src/pipeline/a.ts', 'setTimeout(() => {}, 1)'],
  ['the environment', 'style/noRestrictedGlobals', 'packages/core/src/schema/a.ts', 'process.exit()'],
  ['console', 'suspicious/noConsole', 'packages/core/src/live/a.ts', "console.log('hello')"],
  [
    'an asserted value',
    'style/noNonNullAssertion',
    'packages/core/src/pipeline/a.ts',
    'export const a = (b: number[]) => b[0]!',
  ],
  [
    'an asserted value',
    'style/noNonNullAssertion',
    'packages/admin/src/a.ts',
    'export const a = (b: number[]) => b[0]!',
  ],
]

/** Files of this many lines, and whether the limit refuses them. */
const lengths: readonly [from: string, lineCount: number, isRefused: boolean][] = [
  ['packages/core/src/live/long.ts', 301, true],
  ['packages/etcd/src/kv/long.ts', 301, true],
  ['packages/core/src/live/short.ts', 300, false],
  ['packages/core/src/live/long.test.ts', 301, false],
]

const folder = mkdtempSync(join(tmpdir(), 'livetree-lint-'))
let found: string[] = []

/** Writes a file beside where `from` would be in a copy of the repository's layout, and returns its path there. */
function plant(from: string, name: string, lines: readonly string[]): string {
  const path = join(dirname(from), `${name}.ts`)
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), `${lines.join('\n')}\n`)
  return path
}

const imports = (specifier: string) => [
  `import '${specifier}'`,
  `export * from '${specifier}'`,
  `await import('${specifier}')`,
]

const planted = boundaries.map(([from, refused, allowed], index) => ({
  bad: plant(from, `bad-import-${index}`, imports(refused)),
  good: plant(from, `good-import-${index}`, imports(allowed)),
}))

const plantedBans = bans.map(([, , from, refused], index) => ({
  bad: plant(from, `bad-${index}`, [refused]),
  good: plant(from, `good-${index}`, ['export const a = 1']),
}))

const plantedFiles = fileBoundaries.map(([file, refused, allowed]) => {
  const lines = [...imports(refused), ...imports(allowed)]
  return { refused, allowed, path: plant(file, basename(file, '.ts'), lines) }
})

const plantedEntries = Object.entries(ENTRIES).map(([folder, allowed]) => {
  const lines = entries.map((entry) => `import '${entry}'`)
  return { folder, allowed, path: plant(`packages/${folder}/a.ts`, 'every-entry', lines) }
})

const plantedLengths = lengths.map(([from, lineCount, isRefused]) => {
  const name = from.replace(/^.*\/|\.ts$/g, '')
  return { path: plant(from, name, Array<string>(lineCount).fill('export {}')), lineCount, isRefused }
})

/** Two files that import a type from each other, and one that imports it from the first. */
const [cycle = '', , outside = ''] = [
  ['one', 'two'],
  ['two', 'one'],
  ['three', 'one'],
].map(([name = '', other = '']) =>
  plant('packages/etcd/src/kv/a.ts', `cycle-${name}`, [
    `import type { A } from './cycle-${other}.ts'`,
    'export type B = A',
    'export type A = string',
  ]),
)

/** The lines of a file at which a rule complained. */
function complaints(path: string, rule: string): number[] {
  return found
    .filter((line) => line.includes(`lint/${rule},`) && line.includes(`/${path},`))
    .map((line) => Number(/,line=(\d+)/.exec(line)?.[1]))
    .sort((a, b) => a - b)
}

beforeAll(async () => {
  for (const name of ['biome.jsonc', '.gitignore']) {
    copyFileSync(fileURLToPath(new URL(`../${name}`, import.meta.url)), join(folder, name))
  }
  const result = await runBounded('biome', ['lint', '--reporter=github', '--max-diagnostics=none'], {
    cwd: folder,
  })
  found = result.stdout.split('\n')
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the import boundaries of packages and of the rooms in core', () => {
  test.each(boundaries.map(([from, refused, allowed], index) => ({ from, refused, allowed, index })))(
    '$from may not import $refused, but may import $allowed',
    ({ index }) => {
      const files = planted[index]
      expect(complaints(files?.bad ?? '', 'style/noRestrictedImports')).toEqual([1, 2, 3])
      expect(complaints(files?.good ?? '', 'style/noRestrictedImports')).toEqual([])
    },
  )
})

test.each(plantedFiles)('$path may not import $refused, but may import $allowed', ({ path }) => {
  expect(complaints(path, 'style/noRestrictedImports')).toEqual([1, 2, 3])
})

test('the public entries are those of all packages, and each package says which it may import', () => {
  const folders = Object.keys(ENTRIES).filter((folder) => folder.endsWith('/src'))
  expect(folders.map((folder) => folder.split('/')[0])).toEqual(readdirSync(PACKAGES).sort())
  for (const allowed of Object.values(ENTRIES)) expect(entries).toEqual(expect.arrayContaining([...allowed]))
})

test.each(plantedEntries)(
  '$folder may import $allowed, and no other entry of a package',
  ({ path, allowed }) => {
    const refused = complaints(path, 'style/noRestrictedImports').map((line) => entries[line - 1])
    expect(refused).toEqual(entries.filter((entry) => !allowed.includes(entry)))
  },
)

test.each(bans.map(([what, rule, from], index) => ({ what, rule, from, index })))(
  '$what in $from is refused by $rule',
  ({ rule, index }) => {
    expect(complaints(plantedBans[index]?.bad ?? '', rule)).toEqual([1])
    expect(complaints(plantedBans[index]?.good ?? '', rule)).toEqual([])
  },
)

test('files that import types from each other are refused by suspicious/noImportCycles', () => {
  expect(complaints(cycle, 'suspicious/noImportCycles')).toEqual([1])
  expect(complaints(outside, 'suspicious/noImportCycles')).toEqual([])
})

test.each(plantedLengths)('$path of $lineCount lines is refused: $isRefused', ({ path, isRefused }) => {
  expect(complaints(path, 'style/noExcessiveLinesPerFile')).toHaveLength(isRefused ? 1 : 0)
})
