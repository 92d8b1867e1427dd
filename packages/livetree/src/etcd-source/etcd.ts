import { shellWord, type Source, type SourceContext } from '@livetree/core/source'
import { createEtcdClient } from '@livetree/etcd'
import { EtcdConnection } from './connection.ts'
import { type EtcdSourceOptions, resolveSource } from './options.ts'
import { Overlays } from './overlays.ts'

/**
 * A directory tree in etcd as a source: listed at one revision over all overlays, then followed by one watch, without a
 * gap between the two. Compaction, restarts and moved members are made up for by listing again; a store that turns out
 * to be another one (restored, replaced) shows as a new `epoch`.
 *
 * A transaction that removes much and means it also puts `<root>/.livetree/allow-removal`, with any value. Put alone, the
 * key allows a removal that was refused.
 *
 * @throws LivetreeError `invalid_options` for options of the tree, EtcdError `invalid_option` for those of the client.
 */
export function etcd(options: EtcdSourceOptions): Source {
  const { tree, client, clientOptions } = resolveSource(options)
  const overlays = new Overlays(tree.root, tree.overlays)
  const connect = ({ clock, logger }: SourceContext) =>
    client === undefined
      ? { client: createEtcdClient({ ...clientOptions, clock, logger }), isOwned: true }
      : { client, isOwned: false }
  const { endpoints } = clientOptions
  return {
    name: tree.name,
    ...(endpoints !== undefined && { address: [endpoints].flat().join(', ') }),
    layers: overlays.layers,
    isRemote: true,
    removalCommand: `etcdctl put ${shellWord(overlays.allowRemovalKey)} yes`,
    removalNote: 'every process then takes the newest tree, also one that starts later',
    open: (context) => new EtcdConnection({ ...connect(context), tree, overlays, context }),
  }
}
