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

const known = new Map<EtcdKind | undefined, Promise<EtcdBinaries>>()

/**
 * The programs of a kind, fetched when the machine has none; without a kind, any real etcd. Embedded is driven by a
 * real `etcdctl`. They are looked for once in each process: asking a program for its version takes as long as starting a server.
 *
 * @throws Error as `getEtcd` does.
 */
export function getEtcdOfKind(kind?: EtcdKind): Promise<EtcdBinaries> {
  const seen = known.get(kind) ?? findOfKind(kind)
  known.set(kind, seen)
  return seen
}

function findOfKind(kind: EtcdKind | undefined): Promise<EtcdBinaries> {
  if (kind === 'embedded') return inspectEmbedded()
  return getEtcd(kind === undefined ? {} : { version: kind })
}

async function inspectEmbedded(): Promise<EtcdBinaries> {
  const { etcdctl } = await getEtcd()
  const seen = await inspectEtcd(fileURLToPath(new URL('./embedded-as-etcd-binary/etcd', import.meta.url)), [
    dirname(etcdctl),
  ])
  if (typeof seen === 'string') throw new Error(seen)
  return seen
}
