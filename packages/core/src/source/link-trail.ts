import { readlink } from 'node:fs/promises'
import { dirname, isAbsolute, join, parse, sep } from 'node:path'
import { absolutePath } from './absolute-path.ts'

/** A name in a directory whose replacement changes what a path leads to. */
export interface TrailStep {
  /** Absolute, without symbolic links. */
  readonly directory: string
  readonly name: string
  /** A plain directory that is only passed: what the path leads to changes only when it is moved or made again. */
  readonly isPassed: boolean
}

const MAX_LINKS = 40

/**
 * Every name on the way to a file, since replacing any of them replaces the file: Kubernetes swaps a linked directory,
 * releases swap `current`, and a directory may be moved away for another. Goes on with the names that are not there.
 */
export async function linkTrail(path: string): Promise<readonly TrailStep[]> {
  const absolute = absolutePath(path)
  const { root } = parse(absolute)
  const steps: TrailStep[] = []
  let directory = root
  let rest = absolute.slice(root.length).split(sep)
  let links = 0
  while (rest.length > 0) {
    const [name, ...after] = rest as [string, ...string[]]
    rest = after
    if (name === '' || name === '.') continue
    if (name === '..') {
      directory = dirname(directory)
      continue
    }
    const target = await readlink(join(directory, name)).catch(() => undefined)
    steps.push({ directory, name, isPassed: target === undefined && rest.length > 0 })
    if (target === undefined) {
      directory = join(directory, name)
    } else {
      if (++links > MAX_LINKS) break
      if (isAbsolute(target)) directory = root
      rest = [...target.split(sep), ...rest]
    }
  }
  return steps
}
