import { globSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')

/** The absolute paths of the sources below a folder of the repository, without tests, their kits and build output. */
export function sourceFiles(folder: string): string[] {
  return globSync('**/*.ts', {
    cwd: join(ROOT, folder),
    exclude: (name) => /^(?:node_modules|dist|test)$|\.test(?:-d|\.kit)?\.ts$/.test(name),
  }).map((name) => join(ROOT, folder, name))
}
