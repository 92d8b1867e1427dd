import { openTree } from '../connect/open-tree.ts'
import type { Io } from '../output/io.ts'
import { Session } from '../session.ts'
import { globalOptionsOf } from './global-options.ts'
import { createProgram } from './program.ts'
import { applyVariables } from './variable-option.ts'

/** How long the store may take for a completion, in milliseconds. */
const STORE_MS = 1_500

/** The ids of the running instances; none where the command line is not complete, or the store does not answer at once. */
export async function instanceIds(words: readonly string[], io: Io): Promise<readonly string[]> {
  const quiet = { ...io, stderr: { write: () => true } }
  let session: Session | undefined
  try {
    const program = createProgram()
    program.exitOverride().configureOutput({ writeErr: () => {}, writeOut: () => {} })
    program.parseOptions([...words])
    applyVariables(program, io.env)
    session = new Session(quiet, { ...globalOptionsOf(program), timeoutMs: STORE_MS })
    const { admin } = await openTree(session)
    const { instances } = await admin.instances(session.call)
    return instances.map(({ id }) => id)
  } catch {
    return []
  } finally {
    await session?.close()
  }
}
