import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Repository } from './rewrite.ts'

/** The folder that this repository is in. */
export const ROOT = join(import.meta.dirname, '..')

/** The repository as it is on disk. */
export function openRepository(): Repository {
  return {
    read: (file) => readFileSync(join(ROOT, file), 'utf8'),
    kindOf(path) {
      const stats = statSync(join(ROOT, path), { throwIfNoEntry: false })
      if (stats === undefined) return undefined
      return stats.isDirectory() ? 'directory' : 'file'
    },
  }
}

/** The files that have to be pages: those of the root and of `docs/`, and the README of each package. */
export function pageFiles(): string[] {
  const inRoot = readdirSync(ROOT).filter((name) => name.endsWith('.md'))
  const guides = readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md'))
  const readmes = readdirSync(join(ROOT, 'packages')).map((name) => `packages/${name}/README.md`)
  return [
    ...inRoot,
    ...guides.map((name) => `docs/${name}`),
    ...readmes.filter((file) => existsSync(join(ROOT, file))),
  ]
}
