import { EtcdError } from '../errors.ts'
import type { Channel } from '../transport/transport.ts'
import { KV } from '../wire/rpc.ts'
import type { ReflectionPlan } from './reflection-plan.ts'

/**
 * The header of the answer to a read of one of the followed ranges, without values.
 *
 * @throws EtcdError `permission_denied` with the range; the signal's reason
 */
export async function newestHeader(
  channel: Channel,
  { follow, followed }: Pick<ReflectionPlan, 'follow' | 'followed'>,
  signal: AbortSignal,
) {
  const request = { ...follow[0]!, limit: 1, keysOnly: true }
  try {
    const { header } = await channel.unary(KV.range, request, { retry: 'read', signal })
    if (header === undefined) throw new EtcdError('malformed_message', { call: 'KV/Range' })
    return header
  } catch (error) {
    // The call itself says only that its caller has cancelled it.
    signal.throwIfAborted()
    const isDenied = error instanceof EtcdError && error.code === 'permission_denied'
    throw isDenied ? error.with({ range: followed[0] }) : error
  }
}
