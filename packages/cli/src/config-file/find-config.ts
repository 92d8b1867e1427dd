import { existsSync, realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { absolutePath } from '@livetree/core/source'
import { usageError } from '../errors/cli-error.ts'

/** The names of a configuration file, the first that exists is taken. */
export const CONFIG_NAMES = [
  'livetree.config.ts',
  'livetree.config.mts',
  'livetree.config.js',
  'livetree.config.mjs',
]

/** A configuration file, and the export that is meant. */
export interface ConfigFile {
  readonly file: string
  /** Undefined: the only definition that the file exports. */
  readonly exportName: string | undefined
}

/**
 * The configuration file that is given, or the nearest upward from a folder; undefined if none is given and there is none.
 *
 * @param given `FILE` or `FILE#EXPORT`; `#EXPORT` alone chooses from the file that is found
 * @throws CliError 64 if the given file does not exist
 */
export function findConfig(given: string | undefined, cwd: string): ConfigFile | undefined {
  if (given === undefined) return nearest(cwd, undefined)
  const hash = given.lastIndexOf('#')
  const isSplit = hash >= 0 && !existsSync(absolutePath(given, cwd))
  const path = isSplit ? given.slice(0, hash) : given
  const exportName = isSplit ? given.slice(hash + 1) : undefined
  if (path === '') {
    const found = nearest(cwd, exportName)
    if (found !== undefined) return found
    throw usageError(`--config ${given}: there is no livetree.config.ts in ${cwd} or above`)
  }
  const file = absolutePath(path, cwd)
  if (existsSync(file)) return { file: withoutDots(file), exportName }
  throw usageError(
    `--config ${path}: there is no such file`,
    'Give the path of a file that exports what defineConfig() returned.',
  )
}

/** A module is imported by the letters of its path, and so goes the `realpathSync` that Node has of its own. */
function withoutDots(file: string): string {
  return join(realpathSync.native(dirname(file)), basename(file))
}

function nearest(from: string, exportName: string | undefined): ConfigFile | undefined {
  for (let folder = resolve(from); ; ) {
    for (const name of CONFIG_NAMES) {
      const file = join(folder, name)
      if (existsSync(file)) return { file, exportName }
    }
    const above = dirname(folder)
    if (above === folder) return undefined
    folder = above
  }
}
