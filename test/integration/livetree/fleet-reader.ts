import { etcd, type RejectedEvent } from 'livetree'
import { type Directory, fleetConfig, type FleetValue, layersOf } from './fleet-kit.ts'
import type { RandomWriter } from './random-writer.ts'

/** A loaded configuration of one user, every snapshot it showed, and every rejection it reported. */
export class FleetReader {
  readonly directories: readonly Directory[]
  readonly config: Awaited<ReturnType<typeof fleetConfig.load>>
  readonly seen: { readonly revision: number; readonly text: string }[] = []
  readonly rejected: RejectedEvent[] = []

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

  /**
   * The snapshots that are not what the store held at their revision, that are invalid or older than the one before, and
   * the rejections that do not name what was invalid at their revision.
   */
  wrong(writer: RandomWriter): readonly string[] {
    const found: string[] = []
    for (const [index, { revision, text }] of this.seen.entries()) {
      const whole = writer.at(revision, this.directories)
      const invalid = writer.invalidAt(revision, this.directories)
      if (invalid.length > 0) found.push(`${revision}: ${text}, although ${invalid} is invalid`)
      else if (text !== whole) found.push(`${revision}: ${text}, not ${whole}`)
      if (revision < (this.seen[index - 1]?.revision ?? 0)) found.push(`back to ${revision}`)
    }
    for (const event of this.rejected) {
      const invalid = writer.invalidAt(event.revision, this.directories)
      const named = keysOf(event)
      if (`${named}` !== `${invalid}`) found.push(`${event.revision}: rejected ${named}, not ${invalid}`)
    }
    return found.slice(0, 5)
  }

  /** What is wrong with a reader that knows the newest revision; undefined if nothing is. */
  unsettled(writer: RandomWriter): string | undefined {
    const { current, status } = this.config
    const invalid = writer.invalidAt(writer.revision, this.directories)
    const rejected = status.rejected === undefined ? [] : keysOf(status.rejected)
    if (`${rejected}` !== `${invalid}`) return `rejects ${rejected}, not ${invalid}`
    const last = this.seen.at(-1)?.text
    const wanted = invalid.length > 0 ? last : writer.at(writer.revision, this.directories)
    const shown = JSON.stringify(current)
    return shown === wanted ? undefined : `shows ${shown}, not ${wanted}`
  }
}

/** The keys that a rejection complains of. */
function keysOf({ issues }: RejectedEvent): readonly string[] {
  return issues.flatMap(({ origins }) => origins.map(({ key }) => key)).sort()
}
