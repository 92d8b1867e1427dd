import type { LiveConfig } from '@livetree/core'
import { type OpenFeatureEventEmitter, ServerProviderEvents } from '@openfeature/server-sdk'

/** What is followed, and where it is announced. */
export interface FlagFollower<T> {
  /** The part of a state that has the flags. May throw. */
  readonly select: (value: T) => object
  /** May throw where a part is malformed. */
  readonly changedBetween: (previous: object, next: object) => string[]
  readonly events: OpenFeatureEventEmitter
}

interface Announcement {
  readonly event: ServerProviderEvents.Ready | ServerProviderEvents.Stale | ServerProviderEvents.Error
  readonly message?: string
}

const READY: Announcement = { event: ServerProviderEvents.Ready }

/**
 * Emits the events of a provider from those of its configuration, beginning after the SDK has noted that the provider is
 * ready: it takes no other status before.
 *
 * @param initial the part that the provider found when it was initialized
 * @returns a function that ends it
 */
export function followFlags<T>(
  config: LiveConfig<T>,
  initial: object,
  { select, changedBetween, events }: FlagFollower<T>,
): () => void {
  const removals: (() => void)[] = []
  let part = initial
  let isLost = false
  let announced: Announcement['event'] = ServerProviderEvents.Ready
  const announce = () => {
    const { event, ...details } = announcementOf(config, isLost)
    if (event === announced) return
    announced = event
    events.emit(event, details)
  }
  const look = () => {
    const flagsChanged = change()
    if (flagsChanged.length > 0) {
      const { revision, version } = config
      const metadata = Object.freeze({ revision, version })
      // All handlers get the same list.
      Object.freeze(flagsChanged)
      events.emit(ServerProviderEvents.ConfigurationChanged, { flagsChanged, metadata })
    }
    announce()
  }
  /** Moves on to the newest part once all that may throw has been done: what could not be compared is compared later. */
  const change = (): string[] => {
    try {
      const next = select(config.current)
      const flagsChanged = next === part ? [] : changedBetween(part, next)
      part = next
      isLost = false
      return flagsChanged
    } catch {
      isLost = true
      return []
    }
  }
  const begin = () => {
    if (!config.signal.aborted) {
      removals.push(config.on('change', look), config.on('stale', announce), config.on('live', announce))
      config.signal.addEventListener('abort', announce)
      removals.push(() => config.signal.removeEventListener('abort', announce))
    }
    look()
  }
  const beginning = setImmediate(begin)
  return () => {
    clearImmediate(beginning)
    for (const remove of removals.splice(0)) remove()
  }
}

function announcementOf<T>(config: LiveConfig<T>, isLost: boolean): Announcement {
  const failed = (message: string) => ({ event: ServerProviderEvents.Error, message }) as const
  if (config.signal.aborted)
    return failed(`The configuration "${config.name}" is closed: its flags stay as they are`)
  if (isLost) return failed(`The selector finds no flags in the configuration "${config.name}"`)
  if (config.status.state !== 'stale') return READY
  const message = config.health.reason ?? 'The configuration may be behind its store'
  return { event: ServerProviderEvents.Stale, message }
}
