import { shellWord, shownKey } from '@livetree/core/source'
import { EtcdError } from '@livetree/etcd'
import type { TreeLayers } from './tree-layers.ts'

/** Adds the keys that the user needs to read, and the command that allows it, to a `permission_denied` error; others stay as they are. */
export function deniedRead(
  error: EtcdError,
  { name, tree }: { readonly name: string; readonly tree: TreeLayers },
): EtcdError {
  if (error.code !== 'permission_denied') return error
  const { range } = error
  const denied = range !== undefined && 'prefix' in range ? [String(range.prefix)] : tree.plan.follow
  const prefixes = denied.map((prefix) => tree.storeKey(prefix))
  const commands = prefixes.map(
    (prefix) => `etcdctl role grant-permission <role> --prefix=true read ${quoted(prefix)}`,
  )
  return new EtcdError('permission_denied', {
    call: error.call,
    endpoint: error.endpoint,
    range,
    what: `the source ${name} reads and watches all keys that begin with ${prefixes.map(shownKey).join(' or ')}, which the user is not allowed to: ${error.what}`,
    remedy: `Grant it to a role of the user: ${commands.join(' && ')}`,
    cause: error,
  })
}

/** A prefix as one word of a shell, always in quotes. */
function quoted(prefix: string): string {
  const word = shellWord(prefix)
  return word === prefix ? `'${prefix}'` : word
}
