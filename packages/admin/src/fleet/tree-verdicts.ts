import { type InstanceRecord, isKeyOf } from 'livetree/operate'
import { indexRecords } from '../history/record-index.ts'
import { readStore } from '../tree/tree-state.ts'
import type { CallLimit, Workspace } from '../workspace.ts'
import { type Convergence, convergence, type VerdictsOptions } from './convergence.ts'
import { readingLimit, readsTree } from './instances.ts'

/** A write, and the key or the directory that it is known of. */
interface KnownWrite {
  readonly place: string
  readonly revision: number
}

/** See `Admin.verdicts`. */
export async function treeVerdicts(
  workspace: Workspace,
  revision: number | undefined,
  options: VerdictsOptions,
): Promise<Convergence> {
  const limit = readingLimit(workspace, options)
  const writes = await knownWrites(workspace, limit, revision)
  const newest = writes.reduce((most, write) => Math.max(most, write.revision), 0)
  const known = new Map<string, number>()
  const targetOf = (instance: InstanceRecord) => {
    if (!readsTree(workspace, instance)) return undefined
    const prefixes = instance.layers.map(({ prefix }) => prefix)
    const name = JSON.stringify(prefixes)
    const target = known.get(name) ?? newestOf(writes, prefixes)
    known.set(name, target)
    return target
  }
  return convergence(workspace, revision ?? newest, targetOf, options)
}

/**
 * The newest write of each key of the layers up to a revision, and of each layer by an admin: a removal leaves no key, but a
 * record.
 */
async function knownWrites(
  workspace: Workspace,
  limit: CallLimit,
  revision: number | undefined,
): Promise<readonly KnownWrite[]> {
  const reading = await readStore(workspace, limit, revision)
  const records = await indexRecords(workspace, limit, 0)
  return [
    ...[...reading.entries.values()].map(({ key, modRevision }) => ({ place: key, revision: modRevision })),
    ...records
      .filter((record) => record.revision <= reading.revision)
      .flatMap(({ revision: at, parts }) =>
        parts.map(({ history }) => ({ place: history.prefix, revision: at })),
      ),
  ]
}

function newestOf(writes: readonly KnownWrite[], prefixes: readonly string[]): number {
  const concerns = ({ place }: KnownWrite) =>
    prefixes.some((prefix) => isKeyOf(place, prefix) || isKeyOf(prefix, place))
  return writes.reduce((most, write) => (write.revision > most && concerns(write) ? write.revision : most), 0)
}
