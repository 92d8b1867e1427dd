export * from '@livetree/core'
export { etcd } from './etcd-source/etcd.ts'
export type { EtcdSourceOptions, EtcdTreeOptions } from './etcd-source/options.ts'
