/**
 * What an instance does with the store: `config` has a live configuration of ten leaves, `config, fleet` reports on it in the
 * fleet too; `lock` holds a lock; `discovery` is registered and sees the 20 instances of its service.
 */
export type InstanceKind = 'config' | 'config, fleet' | 'lock' | 'discovery'

/** What is measured. */
export interface ScaleCase {
  readonly kind: InstanceKind
  readonly way: 'direct' | 'grpc-proxy'
  readonly instances: number
}

/** What one process of the store spends on all instances. */
export interface StoreCost {
  readonly memoryMib: number
  readonly sockets: number
  /** Processor time of a minute in which nothing changes, in milliseconds. */
  readonly idleCpuMs: number
}

/** What was measured. Times in milliseconds. */
export interface ScaleResult extends ScaleCase {
  readonly version: string
  readonly etcd: StoreCost
  readonly proxy: StoreCost | undefined
  /** One change that all instances see; medians. */
  readonly change:
    | { readonly cpuMs: number; readonly sentKib: number; readonly allHaveItMs: number }
    | undefined
  /**
   * All instances lose the store at once, and it is back at once: from then until a tenth, half, nine tenths and all of them have
   * the next change, and the most memory that etcd had.
   */
  readonly reconnect: { readonly quantilesMs: readonly number[]; readonly mostMib: number } | undefined
}
