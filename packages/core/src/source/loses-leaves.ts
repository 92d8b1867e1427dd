import type { Leaf } from './source.ts'

/** Whether a list of leaves has paths that are not in the one after it: only then is there a removal that could be meant. */
export function losesLeaves(before: readonly Leaf[], after: readonly Leaf[]): boolean {
  const paths = new Set(after.map(({ path }) => path))
  return before.some(({ path }) => !paths.has(path))
}
