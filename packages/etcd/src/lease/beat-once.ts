import { type Clock, keepRunning } from '../clock.ts'
import { EtcdError } from '../errors.ts'
import type { EtcdErrorCode } from '../error-codes.ts'
import type { CallOptions, Channel } from '../transport/transport.ts'
import { Lease } from '../wire/rpc.ts'
import { asEtcdError } from '../watch/as-etcd-error.ts'

const defaultTimeoutMs = 10_000

/** Renewing twice does no harm, so whatever may have been lost is sent again. */
const retried: ReadonlySet<EtcdErrorCode> = new Set<EtcdErrorCode>([
  'connect_failed',
  'connection_lost',
  'unavailable',
  'no_leader',
  'too_many_requests',
])

/** Renews a lease once, on a stream of its own, trying again within the timeout. Gives its time in seconds, 0 when it is gone. */
export const beatOnce = async (
  channel: Channel,
  clock: Clock,
  id: bigint,
  { timeoutMs = defaultTimeoutMs, ...options }: CallOptions,
): Promise<number> => {
  const until = clock.now() + timeoutMs
  let avoid: string | undefined
  for (let attempt = 0; ; attempt += 1) {
    const leftMs = Math.max(1, until - clock.now())
    try {
      return await beat(channel, id, {
        ...options,
        timeoutMs: leftMs,
        ...(avoid === undefined ? {} : { avoid }),
      })
    } catch (thrown) {
      const error = asEtcdError(thrown, 'Lease/LeaseKeepAlive')
      avoid = error.endpoint
      if (error.code === 'unauthenticated' && attempt === 0) await channel.refreshToken()
      else if (!retried.has(error.code) || clock.now() >= until) throw error
      else await pause(clock, Math.min(channel.backoffMs(attempt), Math.max(0, until - clock.now())))
      options.signal?.throwIfAborted()
    }
  }
}

const beat = (channel: Channel, id: bigint, options: CallOptions & { avoid?: string }): Promise<number> =>
  new Promise((resolve, reject) => {
    const stream = channel.stream(
      Lease.keepAlive,
      {
        onMessage({ ttl }) {
          resolve(ttl)
          stream.cancel()
        },
        onEnd: (error) => reject(error ?? new EtcdError('connection_lost', { call: 'Lease/LeaseKeepAlive' })),
      },
      options,
    )
    stream.send({ id })
    stream.end()
  })

const pause = (clock: Clock, ms: number): Promise<void> =>
  new Promise((resolve) => keepRunning(clock.setTimeout(resolve, ms)))
