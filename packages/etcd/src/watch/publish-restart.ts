import { CHANNELS, DEFAULT_CLIENT_NAME, type WatchRestartReason } from '../diagnostics.ts'
import type { Channel } from '../transport/transport.ts'

/** Publishes that watches leave a stream, or that ranges are listed again. */
export function publishRestart(
  { clientName: client = DEFAULT_CLIENT_NAME }: Channel,
  endpoint: string | undefined,
  reason: WatchRestartReason,
): void {
  if (CHANNELS.watch.hasSubscribers) CHANNELS.watch.publish({ client, endpoint, reason })
}
