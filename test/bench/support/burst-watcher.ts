import { connect } from 'node:http2'
import { defineConfig, etcd } from 'livetree'
import { openBareWatch } from './bare-watch.ts'
import { burstShapes } from './burst-shapes.ts'
import { sharedNow } from './shared-clock.ts'
import { TurnMeter } from './turn-meter.ts'

/** `until`: answer once this revision has been seen. `meter`: begin to measure turns; the next `until` ends that. */
export type WatcherOrder = { readonly until: number } | { readonly meter: true }

/** When the revision was seen, on the shared clock; with the meter on, the turns. */
export interface WatcherAnswer {
  readonly seenAt: number
  readonly longestMs: number
  readonly markedMs: readonly number[]
}

/** Watches one tree, by a live configuration or by a bare watch: a child of burst.ts. */
const [kind, endpoint, root, shape] = process.argv.slice(2) as [
  string,
  string,
  string,
  keyof typeof burstShapes,
]
const meter = new TurnMeter()
let seen = { revision: 0, at: 0 }
let check = () => {}

function see(revision: number): void {
  seen = { revision, at: sharedNow() }
  meter.mark()
  check()
}

async function watchLive(): Promise<void> {
  const definition = defineConfig({ name: 'bench', schema: burstShapes[shape].schema })
  const config = await definition.load({ sources: [etcd({ endpoints: [endpoint], root })] })
  config.watch(
    (all) => all,
    () => see(config.revision),
  )
}

async function watchBare(): Promise<void> {
  await openBareWatch(connect(endpoint), `${root}/`, (events) => see(Number(events.at(-1)!.kv!.modRevision)))
}

process.on('message', (order: WatcherOrder) => {
  if ('meter' in order) {
    meter.start()
    process.send!('measuring')
    return
  }
  check = () => {
    if (seen.revision < order.until) return
    check = () => {}
    // what this turn has still to do is part of it
    setImmediate(() => process.send!({ seenAt: seen.at, ...meter.stop() } satisfies WatcherAnswer))
  }
  check()
})
process.on('disconnect', () => process.exit())
await (kind === 'live' ? watchLive() : watchBare())
process.send!('ready')
