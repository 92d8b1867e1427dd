import { setTimeout as sleep } from 'node:timers/promises'
import type { EtcdClient } from '@livetree/etcd'
import { waitFor } from '../../support/wait-for.ts'
import type { WriteRecord } from '../history.ts'
import { type RecordedWriter, recordedWriter, type WriteOperation } from '../recorder/write.ts'
import { draftClosing, draftMistake, draftWrite, type Unique, wholeTrees } from './draft-write.ts'
import type { Random } from './random.ts'

/** Options of {@link Writers}. */
export interface WritersOptions {
  /** One for each writer. They stay open. */
  readonly clients: readonly EtcdClient[]
  readonly random: Random
}

/** Drafts a write; anew for each attempt, so that no two writes have a value in common. */
export type Draft = (unique: Unique) => readonly WriteOperation[]

/** A writer breaks a configuration now and then, and mends it a few writes later. */
const mistakeShare = 0.02
const writesToMend = 6

/** What writes during a run, each writer at its own pace and all of them at once. Every write is in `log`. */
export class Writers {
  readonly log: WriteRecord[] = []
  /** Each writer rests up to so many milliseconds between two writes. */
  pauseMs = 25
  /** Whether configurations are broken now and then. Not before all of them are loaded. */
  makesMistakes = false
  readonly #writers: readonly RecordedWriter[]
  readonly #random: Random
  readonly #unique: readonly Unique[]
  #applied = 0
  #count = 1_000
  #stopping: AbortController | undefined
  #running: Promise<unknown> = Promise.resolve()
  /** Writes that make good what was broken and is not mended yet. */
  readonly #mends = new Set<Draft>()

  constructor({ clients, random }: WritersOptions) {
    this.#random = random
    this.#writers = clients.map((client, index) => recordedWriter(client, `writer-${index}`, this.log))
    this.#unique = this.#writers.map((writer) => ({
      text: () => writer.uniqueValue(),
      number: () => `${++this.#count}`,
    }))
  }

  /** Writes known to be applied so far. */
  get applied(): number {
    return this.#applied
  }

  /** Writes what every configuration needs; to be called once, before consumers load. */
  async begin(): Promise<void> {
    for (const draft of wholeTrees) await this.insist(draft)
  }

  /** Lets all of them write until `stop`. */
  start(): void {
    const stopping = new AbortController()
    this.#stopping = stopping
    this.#running = Promise.all(
      this.#writers.map((_, index) => this.#writeOn(index, this.#random.fork(), stopping.signal)),
    )
  }

  /** Resolves when the last write has ended. What is broken stays broken. */
  async stop(): Promise<void> {
    this.#stopping?.abort()
    await this.#running
  }

  /** Makes good all that is broken, and writes something for everybody last. */
  async end(): Promise<void> {
    for (const draft of this.#mends) await this.insist(draft)
    await this.insist(draftClosing)
  }

  /** Waits until so many more writes are applied, and with that until the cluster serves again. */
  async written(count: number, timeoutMs = 60_000): Promise<void> {
    const target = this.#applied + count
    await waitFor(() => this.#applied >= target, { timeoutMs, what: `${count} more writes` })
  }

  /** Writes until it is known to be applied. */
  async insist(draft: Draft): Promise<void> {
    await waitFor(async () => (await this.write(draft)).outcome.type === 'applied', {
      timeoutMs: 60_000,
      what: 'a write to be applied',
    })
  }

  /** One write by the given writer, beside what it does by itself. */
  async write(draft: Draft, by = 0): Promise<WriteRecord> {
    const writer = this.#writers[by]!
    const operations = draft(this.#unique[by]!)
    const [first] = operations
    const write =
      operations.length !== 1
        ? writer.txn(operations)
        : first!.type === 'put'
          ? writer.put(first!.key, first!.value)
          : writer.delete(first!.key)
    const record = await write
    if (record.outcome.type === 'applied') this.#applied += 1
    return record
  }

  async #writeOn(by: number, random: Random, stopping: AbortSignal): Promise<void> {
    let toMend: { readonly in: number; readonly good: Draft } | undefined
    while (!stopping.aborted) {
      let draft: Draft = (unique) => draftWrite(unique, random)
      if (this.makesMistakes && toMend === undefined && random.chance(mistakeShare)) {
        const { bad, good } = draftMistake(random)
        this.#mends.add(good)
        toMend = { in: random.between(1, writesToMend), good }
        draft = bad
      } else if (toMend !== undefined && toMend.in <= 0) draft = toMend.good
      const { outcome } = await this.write(draft, by)
      if (outcome.type !== 'applied') await rest(100, stopping)
      else if (draft === toMend?.good) {
        this.#mends.delete(draft)
        toMend = undefined
      }
      if (toMend !== undefined) toMend = { ...toMend, in: toMend.in - 1 }
      await rest(random.between(0, this.pauseMs), stopping)
    }
  }
}

const rest = (ms: number, signal: AbortSignal): Promise<void> =>
  sleep(ms, undefined, { signal }).catch(() => undefined)
