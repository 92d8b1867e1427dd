import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEtcdClient } from '@livetree/etcd'
import { defineConfig, etcd as fromEtcd } from 'livetree'
import { expect, it, onTestFinished } from 'vitest'
import * as z from 'zod'
import { eachEtcd } from '../../support/each-etcd.ts'
import { waitFor } from '../../support/wait-for.ts'
import type { History, WriteRecord } from '../history.ts'
import type { Mutable } from '../validators/model-history.test.kit.ts'
import { referenceDecoder } from '../validators/reference-decoder.ts'
import { describeViolations, validate } from '../validators/validate.ts'
import { EventPool } from './event-pool.ts'
import { recordConfig } from './record-config.ts'
import { recordWatch } from './record-watch.ts'
import { loadHistory, saveHistory } from './to-lines.ts'
import { startWitness } from './witness.ts'
import { recordedWriter, type WriteOperation } from './write.ts'

const definition = defineConfig({
  name: 'chaos',
  guard: false,
  schema: z.object({ port: z.number().int(), names: z.record(z.string(), z.string()).default({}) }),
})

/** The same, as plain zod reads it from text. */
const decode = referenceDecoder(
  z.object({ port: z.coerce.number().int(), names: z.record(z.string(), z.string()).default({}) }),
)

const root = '/config/chaos'
const overlays = ['base', 'prod']

eachEtcd('a recorded run', (etcd) => {
  it('is judged clean as it was and after it was stored, and not clean after it was changed', async () => {
    const { endpoint } = await etcd.start()
    const pool = new EventPool()
    const witness = await startWitness({ endpoints: [endpoint], pool })
    onTestFinished(() => witness.close())
    const connect = () => {
      const client = createEtcdClient({ endpoints: [endpoint], watch: { progressIntervalMs: 100 } })
      onTestFinished(() => client.close())
      return client
    }
    const [writing, reading] = [connect(), connect()]
    const writes: WriteRecord[] = []
    const first = recordedWriter(writing, 'first', writes)
    await first.put(`${root}/base/port`, '1')

    const everything = { prefix: '' }
    const watches = [
      recordWatch(reading, { name: 'all', range: everything, afterRevision: 0, pool }),
      recordWatch(reading, {
        name: 'previous',
        range: { prefix: root },
        prevKv: true,
        startRevision: 2,
        pool,
      }),
      recordWatch(reading, { name: 'puts', range: { prefix: `${root}/base/` }, only: 'puts', pool }),
      recordWatch(reading, { name: 'deletes', range: { from: root }, only: 'deletes', prevKv: true, pool }),
      recordWatch(reading, { name: 'one', range: { key: `${root}/base/port` }, prevKv: true, pool }),
      recordWatch(reading, { name: 'slow', range: everything, slowMs: 1, maxQueuedEvents: 30, pool }),
      recordWatch(reading, { name: 'slow one', range: { key: 'none' }, slowMs: 1, pool }),
      recordWatch(connect(), { name: 'slowest', range: everything, slowMs: 250, maxQueuedEvents: 1, pool }),
    ]
    onTestFinished(async () => {
      await Promise.all(watches.map((watch) => watch.close()))
    })
    const load = async (name: string, given: readonly string[]) => {
      const source = fromEtcd({
        client: reading,
        root: given.length > 0 ? root : `${root}/base`,
        overlays: given,
      })
      const config = await definition.load({ sources: [source] })
      onTestFinished(() => config.close())
      const recorded = recordConfig(config, {
        name,
        root: given.length > 0 ? root : `${root}/base`,
        overlays: given,
      })
      return { config, recorded }
    }
    const configs = [await load('layered', overlays), await load('base alone', [])]
    // a watch from now has begun once it says so
    await waitFor(() =>
      watches.every((watch) => watch.history().records.some(({ type }) => type === 'created')),
    )

    const write = async (name: string, folder: string, count: number) => {
      const writer = recordedWriter(writing, name, writes)
      for (let turn = 1; turn <= count; turn += 1) {
        const port = { type: 'put', key: `${root}/${folder}/port`, value: `${turn}${name.length}` } as const
        const names = (id: number): WriteOperation => ({
          type: 'put',
          key: `${root}/${folder}/names/n${id}`,
          value: writer.uniqueValue(),
        })
        if (turn % 7 === 0) await writer.put(port.key, writer.uniqueValue())
        else if (turn % 5 === 0) await writer.delete(`${root}/${folder}/names/n1`)
        else if (turn % 3 === 0) await writer.txn([port, names(1), names(2), names(3)])
        else await writer.txn([{ type: 'delete', key: `${root}/${folder}/names/n2` }, port])
      }
      await writer.put(`${root}/${folder}/port`, `999${name.length}`)
    }
    await Promise.all([write('a', 'base', 60), write('bb', 'prod', 60)])
    await witness.settled()
    await witness.compact()
    await Promise.all([write('ccc', 'base', 8), write('dddd', 'prod', 8)])

    const revision = await witness.settled()
    for (const watch of watches) await watch.reached(revision)
    for (const { config } of configs) await config.refresh()
    await witness.finalTree()
    const history: History = {
      epochs: witness.store(),
      writes,
      watches: watches.map((watch) => watch.history()),
      configs: configs.map(({ recorded }) => recorded.end()),
    }

    expect(describeViolations(validate(history, decode))).toBe('')
    // the run was one of which something can be said
    const seen = (name: string) => history.watches.find((watch) => watch.name === name)!
    const given = (name: string) => seen(name).records.filter(({ type }) => type === 'events')
    expect(given('all')).toHaveLength(revision - 1)
    for (const watch of history.watches) {
      // etcd 3.4 may be too old for exact progress, and then nothing is claimed of a watch that was given nothing at the end
      const isClaimed =
        watch.name !== 'slow one' && (etcd.kind !== '3.4' || ['all', 'previous'].includes(watch.name))
      if (isClaimed) expect(watch.completeUntil, watch.name).toBe(revision)
    }
    for (const name of ['previous', 'puts', 'deletes', 'one'])
      expect(given(name).length, name).toBeGreaterThan(10)
    expect(seen('slowest').records.map(({ type }) => type)).toContain('compacted')
    for (const { name, records } of history.configs) {
      const kinds = records.map((record) => (record.type === 'served' ? record.how : record.type))
      expect(kinds, name).toEqual(expect.arrayContaining(['loaded', 'change', 'rejected', 'end']))
    }
    // watchers that are given the same share one record of it
    const shared = new Set(given('all'))
    expect(given('slow').every((record) => shared.has(record))).toBe(true)

    const folder = mkdtempSync(join(tmpdir(), 'livetree-history-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const path = join(folder, 'run.jsonl')
    await saveHistory(history, path)
    const stored = (await loadHistory(path)) as Mutable<History>
    expect(stored).toEqual(JSON.parse(JSON.stringify(history)))
    expect(describeViolations(validate(stored, decode))).toBe('')

    const { records } = stored.watches[0]!
    // progress may stand anywhere, and nobody misses one
    const eventsAt = records.flatMap(({ type }, at) => (type === 'events' ? [at] : []))
    records.splice(eventsAt[eventsAt.length >> 1]!, 1)
    const last = stored.configs[0]!.records.findLast((record) => record.type === 'served')
    Object.assign(last!, { value: { port: 0, names: {} } })
    const rules = new Set(validate(stored, decode).map(({ validator, where }) => `${validator}: ${where}`))
    expect(rules).toContain('reliable: all')
    expect(rules).toContain('none-withheld: layered')
    expect(rules).toContain('config-equals-tree: layered')
  })
})
