import { startEmbeddedEtcd, type EmbeddedEtcd } from '@livetree/embedded'
import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import { secret } from 'livetree'
import { afterAll, beforeAll } from 'vitest'
import type * as z from 'zod'
import { withoutOpenHandles } from '../../support/open-handles.ts'

/** A store in the process, with a client of it. */
export interface EmbeddedStore {
  readonly endpoint: string
  readonly client: EtcdClient
}

/** One store for all tests of a file, each of which uses keys of its own. */
export function embeddedStore(): EmbeddedStore {
  withoutOpenHandles()
  let store: EmbeddedEtcd
  let client: EtcdClient
  beforeAll(async () => {
    store = await startEmbeddedEtcd()
    client = createEtcdClient({ endpoints: [store.endpoint] })
  })
  afterAll(async () => {
    await client.close()
    await store.close()
  })
  return {
    get endpoint() {
      return store.endpoint
    },
    get client() {
      return client
    },
  }
}

export function encrypted<S extends z.ZodType>(of: S): S {
  return secret(of, { encrypted: true }) as S
}
