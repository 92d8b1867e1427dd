import { type EtcdClient, EtcdError, op } from '@livetree/etcd'
import { Random } from '../../chaos/world/random.ts'
import { waitFor } from '../../support/wait-for.ts'
import { ALL_DIRECTORIES, DIRECTORIES, type Directory, INVALID } from './fleet-kit.ts'

/**
 * What the store holds at each revision, written by random transactions over all directories. Now and then one writes a
 * value that the schema refuses; a later one corrects it.
 */
export class RandomWriter {
  readonly #client: EtcdClient
  readonly #random: Random
  /** Contents by revision; a revision that is not there changed nothing here. */
  readonly #history: { readonly revision: number; readonly keys: ReadonlyMap<string, string> }[] = []
  #keys = new Map<string, string>()
  count = 0

  constructor(client: EtcdClient, seed: number) {
    this.#client = client
    this.#random = new Random(seed)
  }

  get revision(): number {
    return this.#history.at(-1)?.revision ?? 0
  }

  /** Writes one transaction: mostly over several directories, sometimes in one alone, sometimes elsewhere. */
  async write(): Promise<void> {
    const random = this.#random
    // None: a write elsewhere.
    const count = random.pick([0, 1, 1, 2, 2, 2, 3, 3, 5, 5])
    const start = random.between(0, ALL_DIRECTORIES.length - 1)
    const changed = Array.from({ length: count }, (_, index) => {
      const directory = ALL_DIRECTORIES[(start + index) % ALL_DIRECTORIES.length] ?? '/fleet/app/base'
      const value = random.chance(0.02) ? random.pick(INVALID) : this.#next
      return [`${directory}/k${random.between(0, 5)}`, random.chance(0.25) ? undefined : value] as const
    })
    await this.#write(new Map(random.chance(0.5) ? [...changed, ...this.#corrections()] : changed))
  }

  /** Writes a value that the schema refuses to a directory, and a good one to each of the others. */
  spoil(directory: Directory): Promise<void> {
    const changed = ALL_DIRECTORIES.map((each) => [`${each}/k0`, this.#next] as const)
    return this.#write(new Map([...changed, [`${directory}/k0`, this.#random.pick(INVALID)]]))
  }

  /** Writes good values in the place of all that the schema refuses. */
  correct(): Promise<void> {
    return this.#write(new Map(this.#corrections()))
  }

  /** The text of the transaction that is written next. */
  get #next(): string {
    return `${this.count + 1}`
  }

  #corrections(): readonly (readonly [string, string])[] {
    return this.invalidAt(this.revision, ALL_DIRECTORIES).map((key) => [key, this.#next])
  }

  async #write(changed: ReadonlyMap<string, string | undefined>): Promise<void> {
    this.count += 1
    const revision = await this.#commit([...changed])
    const keys = new Map(this.#keys)
    for (const [key, value] of changed) {
      if (value === undefined) keys.delete(key)
      else keys.set(key, value)
    }
    this.#keys = keys
    this.#history.push({ revision, keys })
  }

  /** Repeats the transaction until it is applied, once. Resolves with its revision. */
  async #commit(changed: readonly (readonly [string, string | undefined])[]): Promise<number> {
    const { kv } = this.#client
    // Tells whether a transaction whose reply was lost was applied.
    const marker = ['/fleet/others/marker', `${this.count}`] as const
    const ops = [...changed, marker].map(([key, value]) =>
      value === undefined ? op.delete(key) : op.put(key, value),
    )
    const until = performance.now() + 30_000
    for (;;) {
      try {
        const { header } = await kv
          .txn()
          .then(...ops)
          .commit()
        return header.revision
      } catch (error) {
        // A member that has just come back knows neither the newest token nor the leader.
        if (!(error instanceof EtcdError) || performance.now() > until) throw error
      }
      const found = await waitFor(async () => [await kv.get(marker[0])], { timeoutMs: 30_000 })
      if (found[0]?.text === marker[1]) return found[0].modRevision
    }
  }

  /** The keys that the schema refuses, of these directories at a revision. */
  invalidAt(revision: number, directories: readonly Directory[]): readonly string[] {
    return this.#entriesAt(revision)
      .filter(([, text]) => INVALID.includes(text))
      .map(([key]) => key)
      .filter((key) => directories.some((each) => key.startsWith(`${each}/`)))
  }

  /** The configuration of a user at a revision at which it is valid, as text. */
  at(revision: number, directories: readonly Directory[]): string {
    const value: Record<string, Record<string, number>> = {}
    for (const name of Object.values(DIRECTORIES)) value[name] = {}
    for (const [key, text] of this.#entriesAt(revision)) {
      const directory = directories.find((each) => key.startsWith(`${each}/`))
      if (directory === undefined) continue
      const own = value[DIRECTORIES[directory]]
      if (own !== undefined) own[key.slice(directory.length + 1)] = Number(text)
    }
    return JSON.stringify(value)
  }

  #entriesAt(revision: number): readonly (readonly [string, string])[] {
    const index = this.#history.findLastIndex((each) => each.revision <= revision)
    return [...(this.#history[index]?.keys ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))
  }
}
