import { channel } from 'node:diagnostics_channel'
import { deepFrozen } from '../pipeline/deep-frozen.ts'
import type { UnusedKey } from '../issue.ts'
import type { Change } from '../pipeline/outcome.ts'
import type { RejectedEvent } from '../updates/rejection.ts'
import type { Reload } from '../updates/reload-timer.ts'
import type { ServedFrom } from '../updates/served-state.ts'
import type { LiveEvent, StaleEvent } from './freshness-events.ts'

/** What every message of a configuration has. No message contains a secret. */
export interface ConfigMessage {
  /** The name given to `defineConfig`. */
  readonly config: string
}

/** The fields of the event `change`; none where the difference to the state before is empty. */
export interface ChangeMessage extends ConfigMessage {
  readonly revision?: number
  readonly version?: number
  readonly epoch?: number
  readonly changes?: readonly Change[]
}

/** An update of a source was judged: its tree is in service, is what was in service already, or was rejected. */
export type ReloadMessage = ConfigMessage & Reload

/**
 * `swapped`: a new instance is in service, `failed`: it could not be built; of an old one `drained`: it is no longer in use,
 * `overdue`: it was still in use after `drainMs`, `disposed`: its `dispose` has ended.
 */
export type ResourceEventType = 'swapped' | 'failed' | 'drained' | 'overdue' | 'disposed'

/** Something happened to a resource. */
export interface ResourceMessage extends ConfigMessage {
  /** The resource's name. */
  readonly resource: string
  readonly type: ResourceEventType
  /** Why it could not be built. */
  readonly error: string | undefined
}

/**
 * The channels of `node:diagnostics_channel` that a configuration publishes on, and their messages: `livetree:` with the name of
 * each event (`livetree:rejected`), and `livetree:reload`, `livetree:resource` and `livetree:close`. All subscribers get the same
 * message, which is frozen. A subscriber that throws interrupts nothing here, but Node raises an
 * `uncaughtException`, which ends the process.
 */
export interface ConfigChannels {
  'livetree:ready': ConfigMessage & { readonly revision: number; readonly servedFrom: ServedFrom }
  'livetree:change': ChangeMessage
  'livetree:rejected': ConfigMessage & RejectedEvent
  'livetree:unused': ConfigMessage & { readonly keys: readonly UnusedKey[] }
  'livetree:stale': ConfigMessage & StaleEvent
  'livetree:live': ConfigMessage & LiveEvent
  'livetree:error': ConfigMessage & { readonly code: string; readonly message: string }
  'livetree:reload': ReloadMessage
  'livetree:resource': ResourceMessage
  'livetree:close': ConfigMessage
}

/** A channel whose messages have a type. Whoever publishes asks `hasSubscribers` first, and makes no message without one. */
interface TypedChannel<Message> {
  readonly hasSubscribers: boolean
  publish(message: Message): void
}

function typed<Name extends keyof ConfigChannels>(name: Name): TypedChannel<ConfigChannels[Name]> {
  const target = channel(name)
  return {
    get hasSubscribers() {
      return target.hasSubscribers
    },
    // All subscribers get the same message, parts of which are those of an event.
    publish: (message) => target.publish(deepFrozen(message)),
  }
}

/** The channels, without their prefix `livetree:`. */
export const CHANNELS = {
  ready: typed('livetree:ready'),
  change: typed('livetree:change'),
  rejected: typed('livetree:rejected'),
  unused: typed('livetree:unused'),
  stale: typed('livetree:stale'),
  live: typed('livetree:live'),
  error: typed('livetree:error'),
  reload: typed('livetree:reload'),
  resource: typed('livetree:resource'),
  close: typed('livetree:close'),
} as const
