import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitFor } from '../../support/wait-for.ts'
import type { WatchRecord } from '../history.ts'
import type { Consumers } from '../world/consumers.ts'
import type { Scenario } from './scenario.ts'

/** How often watches were told so: without it, the run would have proven nothing. */
const countOf = (type: WatchRecord['type'], { watches }: Consumers): number =>
  watches.reduce(
    (count, watch) => count + watch.history().records.filter((record) => record.type === type).length,
    0,
  )

/** What consumers missed is no longer kept when they are back. */
export const compactionWhileAway: Scenario = {
  name: 'compaction-while-away',
  about: 'half of the consumers are disconnected while writes continue and the history is compacted',
  async run({ routes, consumers, witness, writers, last, scaled }, random) {
    for (let round = 0; round < scaled(2, 10); round += 1) {
      const away = random.chance(0.3) ? routes : [random.pick(routes)]
      await Promise.all(away.map((route) => route.leave()))
      await writers.written(random.between(20, 100))
      await witness.compact()
      // what was compacted is surely past what they know, and something may have happened since
      await writers.written(random.between(0, 20))
      await last(0, 500)
      await Promise.all(away.map((route) => route.heal()))
      await writers.written(random.between(1, 60))
    }
    await waitFor(() => countOf('compacted', consumers) > 0, {
      timeoutMs: 30_000,
      what: 'anybody to miss history',
    })
  },
}

/**
 * Readers are too slow, their queues run over, and what they have to catch up with is compacted under them.
 */
export const slowConsumers: Scenario = {
  name: 'slow-consumers',
  about: 'readers fall behind until their queues overflow, and the history they need is compacted',
  settings: { pauseMs: 5 },
  async run({ consumers, witness, writers, scaled }, random) {
    for (let number = 0; number < 4; number += 1) {
      consumers.addWatch({
        name: `slow-${number}`,
        range: { prefix: '/' },
        slowMs: random.between(30, 60),
        maxQueuedEvents: random.between(5, 40),
        prevKv: number % 2 === 0,
      })
    }
    for (let round = 0; round < scaled(4, 20); round += 1) {
      await writers.written(random.between(100, 200))
      if (random.chance(0.7)) await witness.compact()
      // everybody in this process is slow for a moment
      const until = performance.now() + random.between(0, 300)
      while (performance.now() < until);
    }
    await waitFor(() => countOf('compacted', consumers) > 0, {
      timeoutMs: 30_000,
      what: 'anybody to miss history',
    })
    // slow as they are, they have to be done before the run is
    writers.pauseMs = 200
  },
}

/** The cluster comes back with the state of a backup: another store, with a past that partly differs. */
export const restoredFromSnapshot: Scenario = {
  name: 'restored-from-snapshot',
  about: 'all members are killed and start again from a snapshot taken earlier: a new epoch',
  async run({ cluster, members, consumers, witness, writers, last, scaled }, random) {
    const folder = mkdtempSync(join(tmpdir(), 'livetree-chaos-'))
    try {
      for (let round = 0; round < scaled(1, 3); round += 1) {
        const snapshot = join(folder, `${round}.db`)
        await random.pick(members).etcdctl(['snapshot', 'save', snapshot])
        await writers.written(random.between(50, 200))
        // the old store's end has to be on record: nobody can be asked for it later
        await writers.stop()
        await witness.settled()
        const epochs = witness.epochCount
        await last(0, 500)
        await cluster.restore(snapshot)
        writers.start()
        await waitFor(() => witness.epochCount > epochs, { timeoutMs: 30_000, what: 'the restored store' })
        await writers.written(random.between(50, 150))
      }
      await waitFor(() => countOf('clusterChanged', consumers) > 0, {
        timeoutMs: 30_000,
        what: 'anybody to see that the store is another one',
      })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
}
