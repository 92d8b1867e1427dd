import { inspect } from 'node:util'
import { expect } from 'vitest'
import { createAuthAdminService } from './auth-admin/auth-admin-service.ts'
import { EtcdError } from './errors.ts'
import { SECRET } from './hostile-values.test.kit.ts'
import { Namespace } from './key-range.ts'
import { createKv } from './kv/kv-shortcuts.ts'
import { createLeaseService } from './lease/lease-service.ts'
import { silentLogger } from './logger.ts'
import type { Channel, DuplexStream, Method, StreamHandlers } from './transport/transport.ts'
import { createClusterService } from './maintenance/cluster-service.ts'
import { createMaintenanceService } from './maintenance/maintenance-service.ts'
import { ManualClock } from './watch/scripted-channel.test.kit.ts'
import { createWatchService } from './watch/watch-service.ts'

/** Takes note of what is asked for, and refuses all of it. */
class RefusingChannel implements Channel {
  readonly clusterId = undefined
  sent = 0

  async unary(): Promise<never> {
    this.sent += 1
    throw new EtcdError('permission_denied')
  }

  stream<Req, Res>(_: Method<Req, Res>, { onEnd }: StreamHandlers<Res>): DuplexStream<Req> {
    this.sent += 1
    queueMicrotask(() => onEnd(new EtcdError('permission_denied')))
    return { endpoint: 'http://a:1', send: () => undefined, end: () => undefined, cancel: () => undefined }
  }

  async refreshToken(): Promise<void> {}

  endpoints(): readonly string[] {
    return ['http://a:1', 'http://b:1']
  }

  backoffMs(): number {
    return 1
  }
}

/** All services over a channel that records what is sent, and answers nothing. */
export function setUp() {
  const channel = new RefusingChannel()
  const clock = new ManualClock()
  const namespace = new Namespace('app/')
  const watch = createWatchService(channel, { clock, namespace })
  const parts = { channel, watch, namespace, maxTxnOps: 128, clock }
  const client = {
    watch,
    kv: createKv(parts),
    lease: createLeaseService(channel, { clock, logger: silentLogger, namespace }),
    auth: createAuthAdminService(channel),
    maintenance: createMaintenanceService(channel, { clock }),
    cluster: createClusterService(channel),
  }
  return { client, sent: () => channel.sent }
}

export type Client = ReturnType<typeof setUp>['client']
/** What a call came to: its error, or nothing when it was taken. */
export async function errorOf(run: () => unknown): Promise<unknown> {
  try {
    await run()
    return undefined
  } catch (error) {
    return error
  }
}

export function expectRefused(error: unknown, what: unknown): void {
  const shown = () => inspect(what, { depth: 1 }).slice(0, 200)
  if (!(error instanceof EtcdError))
    throw new Error(`not refused by an EtcdError: ${shown()}`, { cause: error })
  expect([error.code, error.fate], shown()).toEqual(['invalid_argument', 'not_sent'])
  expect(error.message, shown()).not.toContain(SECRET)
  expect(error.message.length, shown()).toBeLessThan(600)
}
