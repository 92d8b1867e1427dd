import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FrameworkName } from './frameworks.ts'
import { BUILD_OPTIONS, compilerOptionsOf, manifestOf } from './manifest.ts'
import { bareName } from './project-name.ts'
import { Refusal } from './refusal.ts'
import { type Target, targetOf } from './target-folder.ts'

const PACKAGE = fileURLToPath(new URL('..', import.meta.url))

/** The name that templates have in the place of that of the app. */
const PLACEHOLDER = /\bmy-app\b/g

/** npm leaves out files with the name on the right when it packs a template. */
const RENAMED: Readonly<Record<string, string>> = { gitignore: '.gitignore' }

/** What to create, and where. */
export interface CreateProjectOptions {
  /** A name that npm takes, with a scope or without; `.` for the working directory and its name. */
  readonly name: string
  readonly framework: FrameworkName
  /** Where the folder is made. Default: the working directory of the process. */
  readonly cwd?: string | undefined
}

/**
 * Writes a new app: its configuration, a tree to import, tests and scripts. Installs nothing, and overwrites nothing.
 *
 * @throws Refusal for a wrong name, a folder that is not empty, and where the system lets nothing be written
 */
export function createProject({ name, framework, cwd = process.cwd() }: CreateProjectOptions): Target {
  try {
    const target = targetOf(name, cwd)
    for (const [path, text] of filesOf(target.name, framework)) write(join(target.folder, path), text)
    return target
  } catch (error) {
    if (!(error instanceof Error) || !('syscall' in error)) throw error
    throw new Refusal('refused', `The app cannot be written: ${error.message}.`)
  }
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text, { flag: 'wx' })
}

/** The files of a new app with their texts, by their paths in its folder. */
export function filesOf(name: string, framework: FrameworkName): Map<string, string> {
  const files = new Map([...templatesIn('common'), ...templatesIn(framework)])
  for (const [path, text] of files) files.set(path, text.replace(PLACEHOLDER, bareName(name)))
  files.set('package.json', json(manifestOf(name, framework, ownVersion())))
  files.set('tsconfig.json', json(compilerOptionsOf(framework)))
  files.set('tsconfig.build.json', json(BUILD_OPTIONS))
  return files
}

function templatesIn(folder: string): [path: string, text: string][] {
  const root = join(PACKAGE, 'templates', folder)
  const entries = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  )
  return entries.map((entry) => {
    const file = join(entry.parentPath, entry.name)
    const path = file.slice(root.length + 1).replaceAll('\\', '/')
    return [RENAMED[path] ?? path, readFileSync(file, 'utf8')]
  })
}

function ownVersion(): string {
  const { version } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as { version: string }
  return version
}

function json(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
