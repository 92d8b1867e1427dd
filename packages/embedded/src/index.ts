// For users.
export type { EmbeddedEtcdOptions } from './embedded-etcd-options.ts'
export { type EmbeddedEtcd, startEmbeddedEtcd } from './start-embedded-etcd.ts'
export type { Clock } from './clock.ts'
export type { Faults } from './faults.ts'
export type { TlsOptions } from './grpc/listener.ts'
