import type { EtcdClientOptions } from '@livetree/etcd'

/** Client settings quick enough that a run meets many faults, slow enough that a busy machine is not taken for one. */
export const quickClient = {
  watch: { progressIntervalMs: 500, progressGraceMs: 2_000, openTimeoutMs: 3_000 },
  timeouts: { connectMs: 2_000, callMs: 5_000 },
  backoff: { minMs: 5, maxMs: 250 },
} as const satisfies EtcdClientOptions
