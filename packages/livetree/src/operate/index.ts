// `livetree/operate`: for packages that write what an etcd source reads.
export type {
  ClientOverrides,
  StoreClient,
  StoreEntry,
  StoreReading,
  StoreReadOptions,
} from './etcd-store.ts'
export { EtcdStore } from './etcd-store.ts'
export { keyBytes } from '@livetree/core/source'
export { storeOf } from './store-of.ts'
