// `livetree/operate`: for packages that write what an etcd source reads.
export type {
  ClientOverrides,
  StoreClient,
  StoreEntry,
  StoreReading,
  StoreReadOptions,
} from './etcd-store.ts'
export { EtcdStore } from './etcd-store.ts'
export { keyBytes } from '../etcd-source/key-text.ts'
export { storeOf } from './store-of.ts'
