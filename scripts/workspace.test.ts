import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const packages = fileURLToPath(new URL('../packages/', import.meta.url))

interface Manifest {
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

test('a release publishes every package, each after those it depends on', () => {
  const script = readFileSync(new URL('release.ts', import.meta.url), 'utf8')
  const list = /const packages = \[([^\]]*)\]/.exec(script)?.[1] ?? ''
  const order = [...list.matchAll(/'(\w+)'/g)].map(([, name]) => name ?? '')
  expect([...order].sort()).toEqual(readdirSync(packages).sort())
  for (const [index, name] of order.entries()) {
    const { dependencies = {} } = readJson<Manifest>(join(packages, name, 'package.json'))
    const own = Object.keys(dependencies).map((each) => each.replace('@livetree/', ''))
    for (const needed of own.filter((each) => order.includes(each)))
      expect(order.indexOf(needed), `${needed} before ${name}`).toBeLessThan(index)
  }
})
