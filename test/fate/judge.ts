import { createEtcdClient, type EtcdClient, type EtcdClientOptions, EtcdError } from '@livetree/etcd'
import { JumpingClock } from './jumping-clock.ts'
import type { Write } from './writes.ts'

/** What the caller does when the peer has come to the point; `times out`: its own `timeoutMs` is over there. */
export type CallerAct = 'waits' | 'aborts' | 'closes' | 'times out'

export const callerActs: readonly CallerAct[] = ['waits', 'aborts', 'closes', 'times out']

const LIMIT_MS = 350

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

/** Makes the write once; resolves with its error, if there is one. */
async function make(
  { client: given, write, id, act, point }: TrialOptions,
  revision: number,
): Promise<unknown> {
  const clock = new JumpingClock()
  const isOwnLimit = act === 'times out'
  const timeouts = { connectMs: 250, callMs: isOwnLimit ? 60_000 : LIMIT_MS }
  const client = createEtcdClient({ timeouts, clock, ...given })
  const abort = new AbortController()
  const limits = { signal: abort.signal, ...(isOwnLimit ? { timeoutMs: LIMIT_MS } : {}) }
  const outcome = write.run(client, id, limits, revision).then(
    () => undefined,
    (error: unknown) => error ?? new Error('rejected with nothing'),
  )
  void point.then(() => {
    if (act === 'aborts') abort.abort()
    if (act === 'closes') void client.close()
    if (act === 'times out') clock.jump(LIMIT_MS)
  })
  const said = await outcome
  await client.close()
  return said
}

/** Gives what is wrong with what the client said of a write, against what the store holds. */
export async function trial(options: TrialOptions): Promise<string | undefined> {
  const { store, write, id, tally } = options
  const revision = (await write.prepare?.(store, id)) ?? 0
  const said = await make(options, revision)
  const applied = await write.applied(store, id)
  const told = said === undefined ? 'done' : said instanceof EtcdError ? said.fate : String(said)
  const kind = `${told}, ${applied === 0 ? 'absent' : 'present'}`
  tally.set(kind, (tally.get(kind) ?? 0) + 1)
  if (applied > 1) return `applied ${applied} times`
  if (said === undefined) return applied === 1 ? undefined : 'said to be done, and is not'
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
