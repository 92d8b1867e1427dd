import type { LiveConfig } from 'livetree'
import type { ConfigHistory, ConfigRecord } from '../history.ts'
import { PlainCopies } from './plain-copy.ts'

/** Options of {@link recordConfig}. */
export interface RecordConfigOptions {
  /** Names the configuration in what the validators say. */
  readonly name: string
  /** As given to the etcd source. */
  readonly root: string
  /** As given to the etcd source. Default none. */
  readonly overlays?: readonly string[]
}

/** A configuration under record. */
export interface RecordedConfig {
  readonly name: string
  /** What was recorded so far. */
  history(): ConfigHistory
  /** Records what is served now and stops. */
  end(): ConfigHistory
}

/**
 * Records what a loaded configuration serves and tells, from now on. Its values have to be JSON data, and it has to be
 * defined with `guard: false` and loaded from one etcd source alone, or the validators cannot know what is right.
 */
export const recordConfig = <T>(config: LiveConfig<T>, options: RecordConfigOptions): RecordedConfig => {
  const { name, root, overlays = [] } = options
  const records: ConfigRecord[] = []
  const copies = new PlainCopies()
  const history = (): ConfigHistory => ({ name, root, overlays, records })
  const served = (how: 'loaded' | 'end'): ConfigRecord => {
    const { value, revision, epoch, version } = config.snapshot()
    return { type: 'served', how, epoch, revision, version, value: copies.of(value) }
  }
  records.push(served('loaded'))
  const removers = [
    config.on('change', ({ epoch, revision, version, next, previous, changes }) => {
      const changed = changes.map(({ path }) => path)
      records.push({
        type: 'served',
        how: 'change',
        epoch,
        revision,
        version,
        value: copies.of(next),
        changed,
        previous: copies.of(previous),
      })
    }),
    config.on('rejected', ({ epoch, revision, issues }) => {
      records.push({ type: 'rejected', epoch, revision, issues })
    }),
    config.on('stale', () => records.push({ type: 'stale' })),
    config.on('live', () => records.push({ type: 'live' })),
    config.on('error', ({ code, message }) => records.push({ type: 'error', code, message })),
  ]
  return {
    name,
    history,
    end() {
      for (const remove of removers) remove()
      records.push(served('end'))
      return history()
    },
  }
}
