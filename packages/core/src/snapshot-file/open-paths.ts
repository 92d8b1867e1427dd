import { sep } from 'node:path'
import { LivetreeError } from '../errors.ts'

/** Which configuration of this process writes to a path, by the path. */
const open = new Map<string, string>()
/** By which of these paths a file is written to, by the file: links and `..` make several paths of one. */
const files = new Map<string, { readonly key: string; readonly path: string }>()

/**
 * Takes a path for the snapshot of one configuration, until the returned function is called.
 *
 * @param path absolute
 * @throws LivetreeError `invalid_options` where another open configuration of this process has it
 */
export function takePath(path: string, name: string): () => void {
  const key = plainPath(path)
  const owner = open.get(key)
  if (owner !== undefined) {
    const other = owner === name ? 'another open configuration of the same name' : `configuration "${owner}"`
    const message = `Cannot load configuration "${name}": ${other} in this process has the snapshot ${path}, and each would overwrite the other's. Give each a snapshot.path of its own, or close() the other one first.`
    throw new LivetreeError('invalid_options', message)
  }
  open.set(key, name)
  let isTaken = true
  return () => {
    if (!isTaken) return
    isTaken = false
    open.delete(key)
    for (const [file, holder] of files) if (holder.key === key) files.delete(file)
  }
}

/**
 * Takes the file that a taken path leads to, until the path is free again. Only a write knows the file: links may change.
 *
 * @throws Error where another open configuration of this process has it by another path
 */
export function takeFile(file: string, path: string): void {
  const key = plainPath(path)
  const holder = files.get(file)
  if (holder !== undefined && holder.key !== key) {
    const message = `configuration "${open.get(holder.key)}" in this process writes to the same file by the path ${holder.path}. Give each a snapshot.path of its own`
    throw new Error(message)
  }
  if (open.has(key)) files.set(file, { key, path })
}

/** Without the steps that lead nowhere. `..` may lead anywhere behind a link, and stays. */
function plainPath(path: string): string {
  return path
    .split(sep)
    .filter((step) => step !== '' && step !== '.')
    .join(sep)
}
