import { isAbsolute, resolve, sep } from 'node:path'

/**
 * The path from the root, walked by whoever opens it: `x/..` is no detour where `x` is a symbolic link, so that no part
 * of a path may be struck out by its letters.
 *
 * @param base what a relative path starts from; absolute. Default: the working directory.
 */
export function absolutePath(path: string, base: string = process.cwd()): string {
  // Windows itself goes by the letters, and knows paths that are absolute but for their drive.
  if (sep === '\\') return resolve(base, path)
  if (isAbsolute(path)) return path
  const inner = path.replace(/^(?:\.\/+)+/, '')
  return base.endsWith(sep) ? `${base}${inner}` : `${base}${sep}${inner}`
}
