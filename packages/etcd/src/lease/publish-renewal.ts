import { CHANNELS, DEFAULT_CLIENT_NAME, type LeaseMessage } from '../diagnostics.ts'
import type { Channel } from '../transport/transport.ts'

/** Publishes the result of a renewal of a lease that is kept alive. */
export function publishRenewal(
  { clientName: client = DEFAULT_CLIENT_NAME }: Channel,
  result: LeaseMessage['result'],
  code?: LeaseMessage['code'],
): void {
  if (CHANNELS.lease.hasSubscribers) CHANNELS.lease.publish({ client, result, code })
}
