import { asEtcdError } from '../as-etcd-error.ts'
import type { EtcdError } from '../errors.ts'
import type { Channel } from '../transport/transport.ts'
import { KV } from '../wire/rpc.ts'
import type { ReflectionPlan } from './reflection-plan.ts'

/** How to find out which range is denied. */
export interface DenialRequest {
  readonly channel: Channel
  readonly plan: Pick<ReflectionPlan, 'follow' | 'followed'>
  readonly signal: AbortSignal
}

/**
 * Adds to a `permission_denied` error which of the followed ranges the user may not read: etcd refuses a
 * transaction as a whole, so each is read on its own. Returns any other error unchanged, and never rejects.
 */
export async function nameDeniedRange(
  error: EtcdError,
  { channel, plan, signal }: DenialRequest,
): Promise<EtcdError> {
  const { follow, followed } = plan
  if (error.code !== 'permission_denied' || error.range !== undefined) return error
  if (followed.length === 1) return error.with({ range: followed[0] })
  for (const [index, range] of follow.entries()) {
    const read = channel.unary(KV.range, { ...range, limit: 1, keysOnly: true }, { retry: 'read', signal })
    const denial = await read.then(
      () => undefined,
      (thrown: unknown) => asEtcdError(thrown, 'KV/Range'),
    )
    if (denial?.code === 'permission_denied') return denial.with({ range: followed[index] })
  }
  return error
}
