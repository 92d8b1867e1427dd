import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')

/**
 * The sources of the packages, by folder: those of each room of core, and of each other package. Without tests and their kits.
 */
export function sourceFolders(): string[] {
  return readdirSync(join(ROOT, 'packages')).flatMap((name) => {
    const sources = `packages/${name}/src`
    return name === 'core' ? [`${sources}/*`, ...foldersIn(sources)] : [sources]
  })
}

function foldersIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `${folder}/${name}`)
}

/** A file with its path from the root of the repository. */
export interface SourceText {
  readonly file: string
  readonly text: string
}

/** The files of a folder; with `/*` at its end without those in the folders inside it. */
export function sourcesIn(folder: string): SourceText[] {
  const path = folder.replace(/\/\*$/, '')
  return readdirSync(join(ROOT, path), { recursive: !folder.endsWith('/*'), encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !/\.test(?:-d|\.kit)?\.ts$/.test(name))
    .map((name) => ({ file: `${path}/${name}`, text: readFileSync(join(ROOT, path, name), 'utf8') }))
}
