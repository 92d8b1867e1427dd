import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { sourceFolders, sourcesIn } from './source-files.ts'

const packages = fileURLToPath(new URL('../packages/', import.meta.url))

interface Manifest {
  readonly bin?: Readonly<Record<string, string>>
  readonly files?: readonly string[]
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, 'utf8')) as T
}

/** The order of the builds comes from these two: a referenced package that is missing there is built twice at once. */
test.each(readdirSync(packages))('%s depends on each package that its types are built from', (name) => {
  const { references = [] } = readJson<{ references?: { path: string }[] }>(
    join(packages, name, 'tsconfig.json'),
  )
  const { dependencies, devDependencies } = readJson<Manifest>(join(packages, name, 'package.json'))
  const ordered = Object.keys({ ...dependencies, ...devDependencies })
  for (const { path } of references) {
    const folder = basename(path)
    expect(ordered).toContain(folder === 'livetree' ? folder : `@livetree/${folder}`)
  }
})

/** `npm ci` links no command whose file is not there yet, and `npx` looks for that in the registry, where anyone may have its name. */
test('each command of a package is a file that is not built, can be run, and is published', () => {
  const commands = readdirSync(packages).flatMap((name) => {
    const { bin = {}, files = [] } = readJson<Manifest>(join(packages, name, 'package.json'))
    return Object.entries(bin).map(([command, file]) => ({ command, name, file, files }))
  })
  expect(commands.map(({ command }) => command).sort()).toEqual([
    'create-livetree',
    'livetree',
    'livetree-etcd',
  ])
  for (const { name, file, files } of commands) {
    expect(file).toMatch(/^\.\/bin\/[a-z-]+\.js$/)
    expect(statSync(join(packages, name, file)).mode & 0o111, file).toBe(0o111)
    expect(files).toContain('bin')
  }
})

test('a release publishes every package, each after those it depends on', () => {
  const script = readFileSync(new URL('release.ts', import.meta.url), 'utf8')
  const list = /const packages = \[([^\]]*)\]/.exec(script)?.[1] ?? ''
  const order = [...list.matchAll(/'([\w-]+)'/g)].map(([, name]) => name ?? '')
  expect([...order].sort()).toEqual(readdirSync(packages).sort())
  for (const [index, name] of order.entries()) {
    const { dependencies = {} } = readJson<Manifest>(join(packages, name, 'package.json'))
    const own = Object.keys(dependencies).map((each) => each.replace('@livetree/', ''))
    for (const needed of own.filter((each) => order.includes(each)))
      expect(order.indexOf(needed), `${needed} before ${name}`).toBeLessThan(index)
  }
})

test('all packages and examples have one version, by which they name each other', () => {
  const examples = fileURLToPath(new URL('../examples/', import.meta.url))
  const folders = [packages, examples].flatMap((parent) =>
    readdirSync(parent).map((name) => join(parent, name)),
  )
  const manifests = folders.map((folder) =>
    readJson<Manifest & { name: string; version: string }>(join(folder, 'package.json')),
  )
  const names = new Set(manifests.map(({ name }) => name))
  const versions = manifests.flatMap(({ name, version, ...manifest }) => [
    [name, version],
    ...Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }).filter(([each]) =>
      names.has(each),
    ),
  ])
  expect(versions.length).toBeGreaterThan(50)
  expect(new Set(versions.map(([, version]) => version)).size).toBe(1)
})

test('the README has fewer than 180 lines, begins with a picture of a change, and keeps the two commands', () => {
  const lines = readFileSync(new URL('../README.md', import.meta.url), 'utf8').split('\n')
  expect(lines.length).toBeLessThan(180)
  const [, picture = ''] = /^!\[.+\]\((.+)\)$/.exec(lines[2] ?? '') ?? []
  expect(existsSync(new URL(`../${picture}`, import.meta.url)), picture).toBe(true)
  for (const command of ['npm ci && npm run demo', 'npm ci && npm test'])
    expect(lines.some((line) => line.startsWith(command))).toBe(true)
})

describe('the tables of ARCHITECTURE lead to what there is', () => {
  const page = readFileSync(new URL('../ARCHITECTURE.md', import.meta.url), 'utf8')
  const tables = page.slice(0, page.indexOf('\n## A change, step by step')).split('\n## Glossary')
  const rowsOf = (text: string) => text.split('\n').filter((line) => /^\| .*`/.test(line))

  test('of places: each folder, and the files to begin with', () => {
    const rows = rowsOf(tables[0] ?? '')
    expect(rows.length).toBeGreaterThan(20)
    expect(rows.flatMap(missingIn)).toEqual([])
  })

  test('of places: every folder of sources has a row', () => {
    const places = rowsOf(tables[0] ?? '').flatMap(placesOf)
    const files = sourceFolders().flatMap(sourcesIn)
    const folders = [...new Set(files.map(({ file }) => dirname(file)))].filter(
      (folder) => basename(folder) !== 'src',
    )
    expect(folders.length).toBeGreaterThan(40)
    expect(folders.filter((folder) => !isListed(folder, places))).toEqual([])
    expect(isListed('packages/core/src/drawer', places)).toBe(false)
  })

  test('of changes: each file, and the names it is to be searched for', () => {
    const rows = rowsOf(tables[1]?.split('\n## To change …')[1] ?? '')
    expect(rows.length).toBeGreaterThan(30)
    expect(rows.flatMap(missingIn)).toEqual([])
  })

  test('a file that is not where a row looks for it is found', () => {
    const row =
      '| a | `core/src/errors.ts`, `live/status.ts`, `status.ts`, `#nowhereAtAll`; `core/src/none/index.ts` |'
    expect(missingIn(row)).toEqual(['core/src/none/index.ts', '#nowhereAtAll'])
  })
})

/** What a row names and is not there. A path without its package is in a folder, or below the `src`, of one before it. */
function missingIn(row: string): string[] {
  const named = [...row.matchAll(/`([^` ]+)`/g)].flatMap(([, name = '']) => spread(name))
  const folders = new Set<string>()
  const files: string[] = []
  const missing: string[] = []
  for (const name of named.filter((each) => /.\/.|\.ts$/.test(each))) {
    const path = name.replace(/^packages\//, '')
    const found = ['', ...folders].map((folder) => join(packages, folder, path)).find(existsSync)
    if (found === undefined) missing.push(name)
    else {
      const here = found.slice(packages.length)
      if (here.endsWith('.ts')) files.push(found)
      folders.add(here.endsWith('.ts') ? dirname(here) : here)
      folders.add(`${here.split('/')[0]}/src`)
    }
  }
  const text = files.map((file) => readFileSync(file, 'utf8')).join('\n')
  const names = named.filter((name) => /^#\w+$|^[a-z]+[A-Z]\w*$/.test(name))
  return [...missing, ...names.filter((name) => !text.includes(name))]
}

/** The folders and files in the first cell of a row. */
function placesOf(row: string): string[] {
  return [...(row.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].flatMap(([, name = '']) => spread(name))
}

/** A row is for its folder and those in it; one of a whole package only if it is the package's only one. */
function isListed(folder: string, places: readonly string[]): boolean {
  const owner = folder.split('/').slice(0, 2).join('/')
  const own = places.filter((place) => place === owner || place.startsWith(`${owner}/`))
  const isWhole = (place: string) => place === owner || place === `${owner}/src`
  return own.some((place) => (isWhole(place) ? own.length === 1 : `${folder}/`.startsWith(`${place}/`)))
}

/** `a/{b,c}` → `a/b`, `a/c`. */
function spread(name: string): string[] {
  const [, before = '', inner, after = ''] = /^(.*?)\{([^}]*)\}(.*)$/.exec(name) ?? []
  return inner === undefined ? [name] : inner.split(',').map((each) => `${before}${each}${after}`)
}
