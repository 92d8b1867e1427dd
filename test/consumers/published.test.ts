import { readdir, readFile, stat } from 'node:fs/promises'
import { posix } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runBounded } from '../../scripts/etcd/run-bounded.ts'
import { packAll, packageNames, type Packed } from './consumer.ts'

const root = new URL('../../', import.meta.url)

interface Manifest {
  readonly name?: string
  readonly license?: string
  readonly repository?: { readonly type?: string; readonly url?: string; readonly directory?: string }
  readonly homepage?: string
  readonly bugs?: { readonly url?: string }
  readonly keywords?: readonly string[]
  readonly engines?: { readonly node?: string }
  readonly scripts?: Readonly<Record<string, string>>
  readonly bin?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

const text = (path: string) => readFile(new URL(path, root), 'utf8')
const json = async <Value>(path: string) => JSON.parse(await text(path)) as Value
const manifestOf = (name: string) => json<Manifest>(`packages/${name}/package.json`)

let packed: Packed
beforeAll(async () => {
  packed = await packAll()
})
afterAll(() => packed[Symbol.asyncDispose]())

async function tar(name: (typeof packageNames)[number], args: readonly string[]): Promise<string> {
  const { stdout, ending } = await runBounded('tar', ['-f', packed.tarballs.get(name)!, ...args])
  if (stdout === '') throw new Error(`tar ${args.join(' ')}: ${ending}`)
  return stdout
}

test('every package of the repository is packed', async () => {
  expect((await readdir(new URL('packages', root))).sort()).toEqual([...packageNames].sort())
})

describe.each(packageNames)('what is published of %s', (name) => {
  test('is the code, its types and sources, a README and the licence, and nothing else', async () => {
    const files = (await tar(name, ['-z', '-t'])).trim().split('\n')
    const isMeant = /^package\/(dist\/.+\.(js|d\.ts)(\.map)?|dist\/ui\/app\.css|src\/.+\.ts|templates\/.+)$/
    const other = files.filter((file) => !isMeant.test(file))
    const bins = Object.values((await manifestOf(name)).bin ?? {}).filter(
      (path) => !path.startsWith('./dist/'),
    )
    const meant = ['LICENSE', 'README.md', 'package.json', ...bins].map((path) => posix.join('package', path))
    expect(other.sort()).toEqual(meant.sort())
    // The tests of a template are those of the app that is made from it.
    const own = files.filter((file) => !file.startsWith('package/templates/'))
    expect(own.filter((file) => /\.test\b|\.test-d\b|tsbuildinfo|\.env|\.pem/.test(file))).toEqual([])
    expect(await tar(name, ['-z', '-x', '-O', 'package/LICENSE'])).toBe(await text('LICENSE'))
  })

  test('has all the sources that its maps lead to', async () => {
    const files = new Set((await tar(name, ['-z', '-t'])).trim().split('\n'))
    // A command is not built: it is its own source. What a browser runs is one file with all that it needs.
    const code = [...files].filter((file) => /^package\/dist\/(?!ui\/).*\.js$/.test(file))
    const sources: string[] = []
    for (const file of code) {
      const map = `${file}.map`
      if (!files.has(map)) {
        // A file without a map has no code of its own: it imports names from other files and exports them again.
        expect(await tar(name, ['-z', '-x', '-O', file])).toMatch(
          /^((import|export) [^\n]+ from [^\n]+\n)+(export \{[^\n}]+\};?\n)?$/,
        )
        continue
      }
      const { sources: own } = JSON.parse(await tar(name, ['-z', '-x', '-O', map])) as { sources: string[] }
      sources.push(...own.map((source) => posix.join(file, '..', source)))
    }
    expect(sources.filter((source) => !files.has(source))).toEqual([])
    expect(sources.length).toBeGreaterThan(0)
  })

  test('runs nothing when it is installed, and says what it needs', async () => {
    const manifest = await manifestOf(name)
    const atInstall = ['preinstall', 'install', 'postinstall', 'prepare', 'prepublish', 'preprepare']
    expect(Object.keys(manifest.scripts ?? {}).filter((script) => atInstall.includes(script))).toEqual([])
    expect(manifest.license).toBe('MIT')
    expect(manifest.engines?.node).toBe('>=22.19')
  })
})

const repository = 'https://github.com/livetree/livetree'

describe.each(packageNames)('the page of %s in the registry', (name) => {
  test('leads to its source, its issues and its description', async () => {
    const manifest = await manifestOf(name)
    const directory = `packages/${name}`
    expect(manifest.repository).toEqual({ type: 'git', url: `git+${repository}.git`, directory })
    expect(manifest.homepage).toBe(`${repository}/tree/main/${directory}#readme`)
    expect(manifest.bugs).toEqual({ url: `${repository}/issues` })
    expect(manifest.keywords).toContain('livetree')
    expect(manifest.keywords?.length).toBeGreaterThan(4)
  })

  test('has no link that works in the repository only, and none to what is not there', async () => {
    const readme = await tar(name, ['-z', '-x', '-O', 'package/README.md'])
    const links = [...readme.matchAll(/\]\(([^)\s]+)[^)]*\)|^\[[^\]]+\]:\s*(\S+)/gm)].map(
      (link) => link[1] ?? link[2]!,
    )
    expect(links.filter((link) => !/^(https:\/\/|#)/.test(link))).toEqual([])
    const own = links.filter((link) => link.startsWith(`${repository}/`))
    expect(own.length).toBeGreaterThan(0)
    for (const link of own) {
      const [, path] = /^\/(?:tree|blob)\/main\/([^#]+)/.exec(link.slice(repository.length)) ?? []
      expect(path, link).toBeDefined()
      await expect(stat(new URL(path!, root)), link).resolves.toBeDefined()
    }
  })
})

test('the README gives a reason for every dependency of what users install, and for no other', async () => {
  const manifests = await Promise.all(packageNames.map(manifestOf))
  const needed = new Set(
    manifests.flatMap(({ dependencies, peerDependencies }) => [
      ...Object.keys(dependencies ?? {}),
      ...Object.keys(peerDependencies ?? {}),
    ]),
  )
  const foreign = [...needed].filter((name) => !/^(livetree|@livetree\/.*)$/.test(name))
  const [, table = ''] = (await text('README.md')).split('## Dependencies of what you install')
  const rows = table.split('\n## ')[0]!.matchAll(/^\| (`[^|]+) \|/gm)
  const explained = [...rows].flatMap(([, cell]) =>
    [...cell!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!),
  )
  const isExplained = (name: string) =>
    explained.some((one) => one === name || (one.endsWith('/*') && name.startsWith(one.slice(0, -1))))
  expect(foreign.filter((name) => !isExplained(name))).toEqual([])
  expect(
    explained.filter((one) => !foreign.some((name) => name === one || name.startsWith(one.replace('*', '')))),
  ).toEqual([])
})

test('the lock file has a checksum for all that is fetched, and only what is named may run scripts', async () => {
  interface Locked {
    readonly link?: boolean
    readonly integrity?: string
    readonly hasInstallScript?: boolean
  }
  const { packages } = await json<{ packages: Record<string, Locked> }>('package-lock.json')
  const fetched = Object.entries(packages).filter(
    ([path, { link }]) => path.includes('node_modules/') && !link,
  )
  expect(fetched.length).toBeGreaterThan(100)
  expect(
    fetched.filter(([, { integrity }]) => !integrity?.startsWith('sha512-')).map(([path]) => path),
  ).toEqual([])
  const { allowScripts } = await json<{ allowScripts: Record<string, boolean> }>('package.json')
  const scripted = fetched
    .filter(([, locked]) => locked.hasInstallScript)
    .map(([path]) => path.split('node_modules/').at(-1)!)
  expect(scripted.filter((name) => !(name in allowScripts))).toEqual([])
})
