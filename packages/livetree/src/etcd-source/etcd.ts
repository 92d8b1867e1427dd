import type { Source } from '@livetree/core/source'
import { EtcdStore } from '../operate/etcd-store.ts'
import { withStore } from '../operate/store-of.ts'
import { EtcdConnection } from './connection.ts'
import { type EtcdSourceOptions, type ResolvedSource, resolveSource } from './options.ts'
import { assertProvable } from './proof-interval.ts'
import { TreeLayers } from './tree-layers.ts'

/**
 * Creates a source that reads directories in etcd as layers: it lists all of them at one revision and then follows them
 * together, without a gap between the two: a transaction over several layers is one change. It resumes or lists again
 * after a compaction, a restart or a change of members. If the store turns out to be another one (restored, replaced),
 * `epoch` increases.
 *
 * With `root` all keys below it are watched; with `layers` only the directories of the layers are read, so the user needs
 * no other permission. A transaction that is meant to remove many keys also puts `<root>/.livetree/allow-removal`, or
 * `<prefix>/.livetree/allow-removal` for each layer it removes from, with any value. Put alone, the key allows a removal
 * that was rejected.
 *
 * Sources of one process that have equal endpoints, credentials and other options of the client share one client with its
 * watch stream; it is closed with the last of them. A function for `tls` and a `resolver` are equal to themselves alone.
 * `ownClient` gives the source a client of its own.
 *
 * @throws LivetreeError `invalid_options` for options of the tree, and for `clock`, `logger` and `signal`; EtcdError `invalid_option` for options of the client
 */
export function etcd(options: EtcdSourceOptions): Source {
  return sourceOf(resolveSource(options))
}

function sourceOf(resolved: ResolvedSource): Source {
  const { name, pageSize, plan, clientOptions, namespace } = resolved
  const tree = new TreeLayers(plan, namespace)
  const store = new EtcdStore(tree, resolved, sourceOf)
  const { endpoints } = clientOptions
  const [first] = tree.layers
  const isOneKey = tree.layers.every(({ removalCommand }) => removalCommand === first?.removalCommand)
  const source: Source = {
    name,
    ...(endpoints !== undefined && { address: [endpoints].flat().join(', ') }),
    layers: tree.layers,
    isRemote: true,
    ...(isOneKey && first?.removalCommand !== undefined && { removalCommand: first.removalCommand }),
    removalNote: 'every process then takes the newest tree, also one that starts later',
    open(context) {
      assertProvable(context.staleAfterMs, name)
      return new EtcdConnection({
        ...store.use(context.clock, context.logger),
        name,
        tree,
        pageSize,
        context,
      })
    },
  }
  return withStore(source, store)
}
