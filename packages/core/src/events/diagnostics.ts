import { type Channel, channel } from 'node:diagnostics_channel'

const NAMES = [
  'ready',
  'change',
  'rejected',
  'unused',
  'stale',
  'live',
  'error',
  'resource',
  'close',
] as const

/** The channels of `node:diagnostics_channel`, without their prefix `livetree:`. */
export type DiagnosticName = (typeof NAMES)[number]

/**
 * The channels of `node:diagnostics_channel`, named `livetree:` and the name. A message is an object with the
 * configuration's name as `config` and the fields of the event of the same name. `resource` and `close` have no event:
 * `resource` publishes `{ config, resource, type: 'swapped' | 'failed' | 'disposed', error? }`, `close` only `config`. No
 * message contains a secret. A subscriber that throws interrupts nothing here, but Node raises an `uncaughtException`,
 * which ends the process.
 */
const CHANNELS = Object.fromEntries(NAMES.map((name) => [name, channel(`livetree:${name}`)])) as Readonly<
  Record<DiagnosticName, Channel>
>

/** Publishes a message. `details` is called only if the channel has subscribers, so without them this costs one look-up. */
export function publish(name: DiagnosticName, config: string, details: () => object): void {
  const target = CHANNELS[name]
  if (target.hasSubscribers) target.publish({ config, ...details() })
}
