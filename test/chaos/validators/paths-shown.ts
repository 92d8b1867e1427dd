import type { Path } from '../history.ts'

/** Paths for people: the first few of them. */
export const pathsShown = (paths: readonly Path[]): string => {
  const shown = paths.slice(0, 5).map((path) => (path.length === 0 ? '(the whole)' : path.join('.')))
  return paths.length > 5 ? `${shown.join(', ')} and ${paths.length - 5} more` : shown.join(', ')
}
