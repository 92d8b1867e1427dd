import type { CallDeadline } from '../call-deadline.ts'
import { type Clock, type Moment, momentOf } from '../clock.ts'
import { errorCodes, type Fate } from '../error-codes.ts'
import { EtcdError, isFinalError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { cancelledError } from '../transport/call-errors.ts'
import { worseFate } from '../transport/retry.ts'
import type { CallOptions, Channel } from '../transport/transport.ts'
import { asEtcdError } from '../as-etcd-error.ts'
import { callIsolated } from '../call-isolated.ts'
import { waitWithin } from '../wait-within.ts'
import { Lease } from '../wire/rpc.ts'
import { onAbort } from '../on-abort.ts'

/** What a single renewal needs from the client. */
export interface RenewPorts {
  readonly channel: Channel
  readonly clock: Clock
  readonly logger: Logger
  /** Cancels the renewal when the client is closed. */
  readonly closing: AbortSignal
}

/** The result of a renewal. */
export interface Renewed {
  /** The new TTL in seconds; 0 if the lease does not exist. */
  readonly ttl: number
  /** When the answered request was sent. */
  readonly sentAt: Moment
}

const CALL = 'Lease/LeaseKeepAlive'

/**
 * Renews a lease once, on a stream of its own. Renewing twice does no harm, so after a failure the renewal is
 * sent again, to each endpoint in turn; an endpoint that does not answer gets half of the remaining time.
 * Returns the new TTL (0 if the lease does not exist) and when the answered request was sent.
 */
export async function renewOnce(
  ports: RenewPorts,
  id: bigint,
  deadline: CallDeadline,
  options: CallOptions,
): Promise<Renewed> {
  const { channel, logger } = ports
  const tried = new Set<string>()
  let last: EtcdError | undefined
  /** The worst of all attempts. */
  let fate: Fate = 'not_sent'
  let rounds = 0
  let refused: EtcdError | undefined
  let isTokenDue = false
  const signals = [ports.closing, options.signal]
  const pause = async (): Promise<void> => {
    const timeoutMs = Math.min(channel.backoffMs(rounds), Math.max(0, deadline.leftMs))
    rounds += 1
    await waitWithin(undefined, { clock: ports.clock, timeoutMs, signals })
  }
  for (;;) {
    assertGoingOn(ports, options.signal, { fate, last })
    const { leftMs } = deadline
    if (leftMs <= 0) throw ofFate(deadline.over(last ?? refused), fate)
    const others = options.endpoint === undefined ? channel.endpoints().filter((url) => !tried.has(url)) : []
    // The channel chooses the first endpoint, then any but the last one used; then the remaining ones are
    // tried in order.
    const endpoint = options.endpoint ?? (tried.size < 2 ? undefined : others[0])
    const timeoutMs = Math.max(1, Math.ceil(others.length > 1 ? leftMs / 2 : leftMs))
    try {
      if (isTokenDue) {
        const limits = { clock: ports.clock, timeoutMs: Math.max(1, Math.ceil(leftMs)), signals }
        await waitWithin(channel.refreshToken(), limits)
        isTokenDue = false
        continue
      }
      return await renewOnStream(ports, id, {
        ...options,
        timeoutMs,
        ...(endpoint === undefined ? {} : { endpoint }),
        ...(last?.endpoint === undefined ? {} : { avoid: last.endpoint }),
      })
    } catch (thrown) {
      const failed = asEtcdError(thrown, CALL)
      // The renewal itself was refused, so the fate of the token request is not its fate.
      const error = isTokenDue ? failed.with({ call: CALL, fate: 'not_applied' }) : failed
      fate = worseFate(fate, error.fate)
      assertGoingOn(ports, options.signal, { fate, last: error })
      if (error.code === 'unauthenticated' && (refused === undefined || !isFinalError(error))) {
        if (refused !== undefined) await pause()
        refused = error
        isTokenDue = true
        continue
      }
      if (error.code !== 'deadline_exceeded' && errorCodes[error.code].whenUnknown !== 'retry')
        throw ofFate(error, fate)
      last = error
      callIsolated(
        () => options.onRetry?.(error),
        (cause) => logger.warn('onRetry threw', { error: cause }),
      )
      for (const url of [endpoint, error.endpoint]) if (url !== undefined) tried.add(url)
      // An error that names no endpoint is about all of them.
      const isAboutAll = endpoint === undefined && error.endpoint === undefined
      if (!isAboutAll && channel.endpoints().some((url) => !tried.has(url))) continue
      tried.clear()
      await pause()
    }
  }
}

function renewOnStream(
  { channel, clock, closing }: RenewPorts,
  id: bigint,
  options: CallOptions & { readonly avoid?: string },
): Promise<Renewed> {
  let sentAt = momentOf(clock)
  const onSent = (): void => {
    sentAt = momentOf(clock)
  }
  const sending = { ...options, onSent }
  return new Promise((resolve, reject) => {
    const stream = channel.stream(
      Lease.keepAlive,
      {
        onMessage({ ttl }) {
          resolve({ ttl, sentAt })
          stream.cancel()
        },
        onEnd(error) {
          unlisten()
          reject(error ?? new EtcdError('connection_lost', { call: CALL }))
        },
      },
      sending,
    )
    const unlisten = onAbort(closing, () => stream.cancel())
    stream.send({ id })
    stream.end()
  })
}

/** The error of the last attempt, with the fate of all. */
function ofFate(error: EtcdError, fate: Fate): EtcdError {
  return error.fate === fate ? error : error.with({ fate })
}

/** @throws EtcdError `closed` if the client was closed, `cancelled` if the caller aborted */
function assertGoingOn(
  { closing }: RenewPorts,
  signal: AbortSignal | undefined,
  { fate, last }: { readonly fate: Fate; readonly last: EtcdError | undefined },
): void {
  const place = { call: CALL, endpoint: last?.endpoint, fate }
  if (closing.aborted) throw new EtcdError('closed', { ...place, cause: last })
  if (signal?.aborted) throw cancelledError({ ...place, isSent: fate === 'unknown' }, signal.reason)
}
