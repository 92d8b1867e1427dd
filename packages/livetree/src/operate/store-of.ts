import type { Source } from '@livetree/core/source'
import type { EtcdStore } from './etcd-store.ts'

/** Registered, so that it is the same in two copies of this package, such as those of an application and of a command. */
const STORE = Symbol.for('livetree.etcd-store')

/** The store behind a source of `etcd()`; undefined for every other source. */
export function storeOf(source: Source): EtcdStore | undefined {
  return (source as { readonly [STORE]?: EtcdStore })[STORE]
}

/** Notes the store behind a source. Printing the source does not show it, since it holds credentials. */
export function withStore<S extends Source>(source: S, store: EtcdStore): S {
  return Object.defineProperty(source, STORE, { value: store })
}
