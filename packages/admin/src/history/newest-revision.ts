import { translated } from '../translate-error.ts'
import type { CallLimit, Workspace } from '../workspace.ts'

/** The newest revision of the store, and the cluster that it belongs to; 0n: not known. */
export async function newestRevision(
  { client, settings }: Workspace,
  limit: CallLimit,
): Promise<{ readonly revision: number; readonly clusterId: bigint }> {
  const prefix = settings.store.prefixes[0] ?? '/'
  const needs = [{ prefix, as: 'read' as const }]
  const { header } = await translated({ what: 'reading the newest revision', needs }, () =>
    client.kv.getRange({ prefix, limit: 1, keysOnly: true, ...limit.control }),
  )
  return { revision: header.revision, clusterId: header.clusterId }
}
