import { shellWord, type Source, type SourceContext } from '@livetree/core/source'
import { createEtcdClient } from '@livetree/etcd'
import { EtcdConnection } from './connection.ts'
import { type EtcdSourceOptions, resolveSource } from './options.ts'
import { Overlays } from './overlays.ts'

/**
 * Creates a source that reads a directory tree in etcd: it lists all overlays at one revision and then follows them with
 * one watch, without a gap between the two. It resumes or lists again after a compaction, a restart or a change of members.
 * If the store turns out to be another one (restored, replaced), `epoch` increases.
 *
 * A transaction that is meant to remove many keys also puts `<root>/.livetree/allow-removal`, with any value. Put alone,
 * the key allows a removal that was rejected.
 *
 * @throws LivetreeError `invalid_options` for options of the tree; EtcdError `invalid_option` for options of the client
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
