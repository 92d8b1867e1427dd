import { createEtcdClient, type EtcdClient, type EtcdClientOptions, EtcdError } from '@livetree/etcd'

/** What the caller does when the peer has come to the point. */
export type CallerAct = 'waits' | 'aborts' | 'closes'

export const callerActs: readonly CallerAct[] = ['waits', 'aborts', 'closes']

/** A write that is sent once, and a look at the store afterwards. */
export interface Write {
  run(client: EtcdClient, id: string, signal: AbortSignal): Promise<unknown>
  /** How often it was applied. */
  applied(store: EtcdClient, id: string): Promise<number>
}

export const writes: Readonly<Record<string, Write>> = {
  put: {
    run: (client, id, signal) => client.kv.put(`/fate/${id}`, 'the value', { signal }),
    applied: async (store, id) => (await store.kv.get(`/fate/${id}`))?.version ?? 0,
  },
  grant: {
    run: (client, id, signal) => client.lease.grant({ ttlSeconds: 60, id: leaseOf(id), signal }),
    applied: async (store, id) => {
      const leases = await store.lease.list()
      return leases.filter((each) => each === leaseOf(id)).length
    },
  },
}

const leaseOf = (id: string): bigint => BigInt(`0x${Buffer.from(id).toString('hex')}`) & ((1n << 62n) - 1n)

export interface TrialOptions {
  readonly client: EtcdClientOptions
  readonly store: EtcdClient
  readonly write: Write
  readonly id: string
  readonly act: CallerAct
  /** Resolves when the peer has come to the point. */
  readonly point: Promise<void>
  /** Counts what was said and what was done. */
  readonly tally: Map<string, number>
}

/** Runs the write once; gives what is wrong with what the client said of it, against what the store holds. */
export async function trial(options: TrialOptions): Promise<string | undefined> {
  const { store, write, id, act, point, tally } = options
  const client = createEtcdClient({ timeouts: { connectMs: 250, callMs: 350 }, ...options.client })
  const abort = new AbortController()
  const outcome = write.run(client, id, abort.signal).then(
    () => 'done' as const,
    (error: unknown) => error,
  )
  void point.then(() => {
    if (act === 'aborts') abort.abort()
    if (act === 'closes') void client.close()
  })
  const said = await outcome
  await client.close()
  const applied = await write.applied(store, id)
  const kind = `${said instanceof EtcdError ? said.fate : String(said)}, ${applied === 0 ? 'absent' : 'present'}`
  tally.set(kind, (tally.get(kind) ?? 0) + 1)
  if (applied > 1) return `applied ${applied} times`
  if (said === 'done') return applied === 1 ? undefined : 'said to be done, and is not'
  if (!(said instanceof EtcdError)) return `no EtcdError: ${String(said)}`
  return said.fate !== 'unknown' && applied > 0
    ? `said to be ${said.fate}, and is done: ${said.message}`
    : undefined
}

/** Runs so many at a time; gives what went wrong, by the names of the trials. */
export async function runTrials(
  trials: readonly { readonly name: string; run(): Promise<string | undefined> }[],
  atATime: number,
): Promise<string[]> {
  const wrong: string[] = []
  let next = 0
  const work = async (): Promise<void> => {
    for (let each = trials[next++]; each !== undefined; each = trials[next++]) {
      const fault = await each.run()
      if (fault !== undefined) wrong.push(`${each.name}: ${fault}`)
    }
  }
  await Promise.all(Array.from({ length: atATime }, work))
  return wrong
}
