import { readlink } from 'node:fs/promises'
import { dirname, isAbsolute, join, parse, resolve, sep } from 'node:path'

/** A name in a directory whose replacement changes what a path leads to. */
export interface TrailStep {
  /** Absolute, without symbolic links. */
  readonly directory: string
  readonly name: string
}

const MAX_LINKS = 40

/**
 * The file itself and every symbolic link on the way to it, since replacing any of them replaces the file (Kubernetes
 * swaps a linked directory, releases swap `current`). Stops quietly where the path ends early.
 */
export async function linkTrail(path: string): Promise<readonly TrailStep[]> {
  const absolute = resolve(path)
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
    if (target !== undefined || rest.length === 0) steps.push({ directory, name })
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
