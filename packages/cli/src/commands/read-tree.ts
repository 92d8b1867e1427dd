import type { AdminTree } from '@livetree/admin'
import { openTree, type OpenedTree } from '../connect/open-tree.ts'
import { issueLines } from '../errors/issue-lines.ts'
import type { Session } from '../session.ts'
import { prefixesOf } from './choose-layer.ts'

/** Options of the commands that read. */
export interface ReadingOptions {
  readonly revision?: number | undefined
  readonly reveal?: boolean | undefined
}

/** Reads the whole tree. An invalid one is shown all the same, with a warning. */
export async function readTree(
  session: Session,
  { revision }: ReadingOptions,
): Promise<{ readonly opened: OpenedTree; readonly tree: AdminTree<unknown> }> {
  const opened = await openTree(session)
  const tree = await opened.admin.read({ ...session.call, ...(revision !== undefined && { revision }) })
  warnOfEmpty(session, opened, tree)
  if (!tree.isValid) {
    session.warn(`The schema refuses the tree at revision ${tree.revision}; shown is what the store holds.`)
    for (const line of issueLines(tree.issues).slice(0, 20)) session.note(`  ${line}`)
  }
  return { opened, tree }
}

/** A misspelt root has defaults, and looks like a tree that nobody has changed. */
export function warnOfEmpty(
  session: Session,
  opened: Pick<OpenedTree, 'admin'>,
  tree: AdminTree<unknown>,
): void {
  if (!tree.isEmpty) return
  const prefixes = prefixesOf(opened)
  session.warn(
    `No key is stored below ${prefixes.join(', ')}: what is shown are defaults, or from other sources.`,
  )
}
