import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  type EtcdBinaries,
  type EtcdSeries,
  etcdSeries,
  inspectEtcd,
} from '../../scripts/etcd/etcd-binaries.ts'
import { getEtcd } from '../../scripts/etcd/get-etcd.ts'

/** What tests run on: a real etcd of a series, or embedded in a process of its own, started as if it were etcd. */
export type EtcdKind = EtcdSeries | 'embedded'

/** Every kind, the real ones first. */
export const etcdKinds: readonly EtcdKind[] = [...etcdSeries, 'embedded']

/**
 * The programs of a kind, fetched when the machine has none; without a kind, any real etcd. Embedded is driven by a
 * real `etcdctl`.
 *
 * @throws Error as `getEtcd` does.
 */
export function getEtcdOfKind(kind?: EtcdKind): Promise<EtcdBinaries> {
  if (kind !== 'embedded') return getEtcd(kind === undefined ? {} : { version: kind })
  embedded ??= inspectEmbedded()
  return embedded
}

let embedded: Promise<EtcdBinaries> | undefined

async function inspectEmbedded(): Promise<EtcdBinaries> {
  const { etcdctl } = await getEtcd()
  const seen = await inspectEtcd(fileURLToPath(new URL('./embedded-as-etcd-binary/etcd', import.meta.url)), [
    dirname(etcdctl),
  ])
  if (typeof seen === 'string') throw new Error(seen)
  return seen
}
