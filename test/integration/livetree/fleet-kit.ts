import { createEtcdClient, type EtcdClient, EtcdError, op } from '@livetree/etcd'
import { defineConfig, etcd, type EtcdLayer } from 'livetree'
import * as z from 'zod'
import { Random } from '../../chaos/world/random.ts'
import { waitFor } from '../../support/wait-for.ts'

/** The directories of a fleet, each a layer, and where it is mounted. */
export const DIRECTORIES = {
  '/fleet/shared/redis': 'redis',
  '/fleet/shared/telemetry': 'telemetry',
  '/fleet/app/base': 'base',
  '/fleet/app/prod': 'prod',
  '/fleet/zones/eu': 'zone',
} as const
export type Directory = keyof typeof DIRECTORIES
export const ALL_DIRECTORIES = Object.keys(DIRECTORIES) as readonly Directory[]

const record = z.record(z.string(), z.string()).default({})

/** One record for each directory, so that a snapshot shows exactly what each of them holds. */
export const fleetConfig = defineConfig({
  name: 'fleet',
  schema: z.object({ redis: record, telemetry: record, base: record, prod: record, zone: record }),
  guard: false,
})
export type FleetValue = Awaited<ReturnType<typeof fleetConfig.load>>['current']

/** The layers of a user who may read these directories. */
export function layersOf(directories: readonly Directory[]): readonly EtcdLayer[] {
  return directories.map((prefix) => ({ prefix, at: DIRECTORIES[prefix], optional: true }))
}

/** Makes a user with a read-only role for each of the directories, and nothing else. */
export async function addReader(
  { authAdmin: { roles, users } }: EtcdClient,
  name: string,
  directories: readonly Directory[],
): Promise<void> {
  await users.add(name, { password: `${name}-pw` })
  for (const directory of directories) {
    const role = directory.replaceAll('/', '-').slice(1)
    if (!(await roles.list()).includes(role)) {
      await roles.add(role)
      await roles.grant(role, { access: 'read', range: { prefix: `${directory}/` } })
    }
    await users.grantRole(name, role)
  }
}

/** What the store holds at each revision, written by random transactions over all directories. */
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
    this.count += 1
    // None: a write elsewhere.
    const count = random.pick([0, 1, 1, 2, 2, 2, 3, 3, 5, 5])
    const start = random.between(0, ALL_DIRECTORIES.length - 1)
    const changed = Array.from({ length: count }, (_, index) => {
      const directory = ALL_DIRECTORIES[(start + index) % ALL_DIRECTORIES.length] ?? '/fleet/app/base'
      const key = `${directory}/k${random.between(0, 5)}`
      return [key, random.between(0, 3) === 0 ? undefined : `${this.count}`] as const
    })
    const revision = await this.#commit(changed)
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

  /** The configuration of a user at a revision, as text. */
  at(revision: number, directories: readonly Directory[]): string {
    const index = this.#history.findLastIndex((each) => each.revision <= revision)
    const value: Record<string, Record<string, string>> = {}
    for (const name of Object.values(DIRECTORIES)) value[name] = {}
    for (const [key, text] of [...(this.#history[index]?.keys ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const directory = directories.find((each) => key.startsWith(`${each}/`))
      if (directory === undefined) continue
      const own = value[DIRECTORIES[directory]]
      if (own !== undefined) own[key.slice(directory.length + 1)] = text
    }
    return JSON.stringify(value)
  }
}

/** A loaded configuration of one user, and every snapshot it showed. */
export class FleetReader {
  readonly directories: readonly Directory[]
  readonly config: Awaited<ReturnType<typeof fleetConfig.load>>
  readonly seen: { readonly revision: number; readonly text: string }[] = []
  readonly rejected: unknown[] = []

  private constructor(directories: readonly Directory[], config: FleetReader['config']) {
    this.directories = directories
    this.config = config
    this.#see(config.status.revision ?? 0, config.current)
    config.on('change', ({ revision, next }) => this.#see(revision, next))
    config.on('rejected', (event) => this.rejected.push(event))
  }

  static async load(user: string, directories: readonly Directory[], endpoints: readonly string[]) {
    const source = etcd({
      endpoints: [...endpoints],
      auth: { username: user, password: `${user}-pw` },
      layers: layersOf(directories),
    })
    const config = await fleetConfig.load({
      sources: [source],
      startup: { timeoutMs: 30_000 },
      logger: false,
    })
    return new FleetReader(directories, config)
  }

  #see(revision: number, value: FleetValue): void {
    this.seen.push({ revision, text: JSON.stringify(value) })
  }

  /** The snapshots that are not what the store held at their revision, and those that went back. */
  wrong(writer: RandomWriter): readonly string[] {
    const torn = this.seen.filter(({ revision, text }) => text !== writer.at(revision, this.directories))
    const back = this.seen.filter(({ revision }, index) => revision < (this.seen[index - 1]?.revision ?? 0))
    const shown = torn.map(
      ({ revision, text }) => `${revision}: ${text}, not ${writer.at(revision, this.directories)}`,
    )
    return [...shown, ...back.map(({ revision }) => `back to ${revision}`)].slice(0, 5)
  }
}

/** A client of the user `root`. */
export function connectRoot(endpoints: readonly string[]): EtcdClient {
  return createEtcdClient({ endpoints: [...endpoints], auth: { username: 'root', password: 'rootpw' } })
}
