import type { Source, SourceContext } from '@livetree/core'
import { createEtcdClient } from '@livetree/etcd'
import { EtcdConnection } from './connection.ts'
import { type EtcdSourceOptions, resolveTree } from './options.ts'
import { Overlays } from './overlays.ts'

/**
 * A directory tree in etcd as a source: listed at one revision over all overlays, then followed by one watch, without a
 * gap between the two. Compaction, restarts and moved members are made up for by listing again; a store that turns out
 * to be another one (restored, replaced) shows as a new `epoch`.
 *
 * A transaction that removes much and means it also puts `<root>/.livetree/allow-removal`, with any value.
 *
 * @throws LivetreeError `invalid_options` for options of the tree, EtcdError `invalid_option` for those of the client.
 */
export function etcd(options: EtcdSourceOptions): Source {
  const tree = resolveTree(options)
  const overlays = new Overlays(tree.root, tree.overlays)
  const connect = (context: SourceContext) => {
    if (options.client !== undefined) return { client: options.client, isOwned: false }
    const { client: _, root: __, overlays: ___, name: ____, pageSize: _____, ...clientOptions } = options
    return {
      client: createEtcdClient({ ...clientOptions, clock: context.clock, logger: context.logger }),
      isOwned: true,
    }
  }
  return {
    name: tree.name,
    layers: overlays.layers,
    isRemote: true,
    open: (context) => new EtcdConnection({ ...connect(context), tree, overlays, context }),
  }
}
