import { createMutex, openSession } from '@livetree/coordination'
import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import { amount } from './amount.ts'

const CLIENTS = 10
const CONTENDERS = amount(500, 20)

/** What a crowd of contenders costs. */
export interface CrowdCost {
  readonly contenders: number
  /** Transactions and reads, of all contenders. */
  readonly callsPerHold: number
  /** Events of keys of others. The own key of each contender is watched, too, and its end is an event of its own. */
  readonly eventsPerHold: number
}

/** Lets a crowd hold a lock once each, and counts what that sends and receives. */
export async function measureCrowd(endpoint: string): Promise<CrowdCost> {
  const counts = { calls: 0, events: 0 }
  const clients = Array.from({ length: CLIENTS }, () =>
    counted(createEtcdClient({ endpoints: [endpoint] }), counts),
  )
  const sessions = await Promise.all(clients.map((client) => openSession(client)))
  const contend = async (_: unknown, index: number): Promise<void> => {
    await (await createMutex(sessions[index % CLIENTS]!, 'bench/crowded').acquire()).release()
  }
  await Promise.all(Array.from({ length: CONTENDERS }, contend))
  for (const session of sessions) await session.close()
  for (const client of clients) await client.close()
  return {
    contenders: CONTENDERS,
    callsPerHold: counts.calls / CONTENDERS,
    eventsPerHold: counts.events / CONTENDERS,
  }
}

/** Counts the transactions and reads of a client, and the events of watches for deletions, which are those of predecessors. */
function counted(client: EtcdClient, counts: { calls: number; events: number }): EtcdClient {
  const { channel, watch } = client
  const [unary, subscribe] = [channel.unary.bind(channel), watch.subscribe.bind(watch)]
  Object.assign(channel, {
    unary: (...args: Parameters<typeof unary>) => {
      if (/\/(Txn|Range)$/.test(args[0].path)) counts.calls += 1
      return unary(...args)
    },
  })
  Object.assign(watch, {
    subscribe: (...[range, handlers, options]: Parameters<typeof subscribe>) => {
      const onEvents: typeof handlers.onEvents = (batch) => {
        if (options?.only === 'deletes') counts.events += batch.events.length
        handlers.onEvents(batch)
      }
      return subscribe(range, { ...handlers, onEvents }, options)
    },
  })
  return client
}
