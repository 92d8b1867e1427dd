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

export type DiagnosticName = (typeof NAMES)[number]

/**
 * What is published on `node:diagnostics_channel`, under `livetree:` and the name: an object with the configuration's
 * name as `config`, and the fields of the event of that name. `resource` and `close` have no event: `resource` tells
 * `{ config, resource, type: 'swapped' | 'failed' | 'disposed', error? }`. No secret is in any of them.
 * A subscriber that throws stops nobody here, but Node makes an `uncaughtException` of it, which ends the process.
 */
const channels = Object.fromEntries(NAMES.map((name) => [name, channel(`livetree:${name}`)])) as Readonly<
  Record<DiagnosticName, Channel>
>

/** Costs a look-up where nobody listens; `details` is only called where somebody does. */
export function publish(name: DiagnosticName, config: string, details: () => object): void {
  const target = channels[name]
  if (target.hasSubscribers) target.publish({ config, ...details() })
}
