import { type AuthAdminService, createAuthAdminService } from './auth-admin/auth-admin-service.ts'
import { type EtcdClientOptions, type ResolvedOptions, resolveOptions } from './client-options.ts'
import { EtcdError } from './errors.ts'
import { type ClosableKv, createKv, type Kv } from './kv/kv-shortcuts.ts'
import type { LeaseService } from './lease/lease-contract.ts'
import { createLeaseService } from './lease/lease-service.ts'
import { type ClusterService, createClusterService } from './maintenance/cluster-service.ts'
import { createMaintenanceService, type MaintenanceService } from './maintenance/maintenance-service.ts'
import { UndiciChannel } from './transport/channel.ts'
import { type ClientState, noteOpenClient } from './open-clients.ts'
import { discoverEndpoints } from './transport/discover.ts'
import { onAbort } from './on-abort.ts'
import { outside } from './outside.ts'
import { MemberSync } from './transport/member-sync.ts'
import type { Channel } from './transport/transport.ts'
import type { WatchService } from './watch/watch-contract.ts'
import { createWatchService } from './watch/watch-service.ts'

/** A client of one etcd cluster, created by `createEtcdClient`. All parts of a process can share it. */
export interface EtcdClient extends AsyncDisposable {
  readonly kv: Kv
  readonly watch: WatchService
  readonly lease: LeaseService
  readonly authAdmin: AuthAdminService
  readonly maintenance: MaintenanceService
  readonly cluster: ClusterService
  /** What is put before every key that is sent, as its options say; empty: nothing. */
  readonly namespace: Buffer
  /** The connection layer below the services; for building services of your own. */
  readonly channel: Channel
  /**
   * Asks the cluster for its members and uses those reachable from here in addition to the configured
   * endpoints. Those that do not answer are given up after `timeouts.connectMs`. Returns the URLs in use.
   *
   * @throws EtcdError any error of the list of members; `closed`
   */
  syncMembers(): Promise<readonly string[]>
  /**
   * Ends all calls and watches with code `closed`; resolves once no socket and no timer is left. Idempotent.
   */
  close(): Promise<void>
}

/**
 * Creates a client. It connects with the first call.
 *
 * @throws EtcdError `invalid_option`
 */
export function createEtcdClient(options: EtcdClientOptions): EtcdClient {
  return new ChannelClient(resolveOptions(options))
}

class ChannelClient implements EtcdClient {
  readonly kv: ClosableKv
  readonly watch: WatchService
  readonly lease: LeaseService
  readonly authAdmin: AuthAdminService
  readonly maintenance: MaintenanceService
  readonly cluster: ClusterService
  readonly namespace: Buffer
  readonly channel: UndiciChannel
  readonly #options: ResolvedOptions
  readonly #closed = new AbortController()
  readonly #state: ClientState
  readonly #members: MemberSync
  readonly #forget: () => void
  #syncTimer: unknown
  #unlisten: (() => void) | undefined
  #closing: Promise<void> | undefined

  constructor(options: ResolvedOptions) {
    this.#options = options
    const { discovery, namespace, clock, logger, maxTxnOps, callTimeoutMs, signal } = options
    const discover =
      discovery === undefined ? undefined : () => discoverEndpoints(discovery, logger, this.#closed.signal)
    this.namespace = Buffer.from(namespace.prefix)
    this.channel = new UndiciChannel({ ...options, discover })
    const shared = { clock, logger, namespace, callTimeoutMs }
    this.watch = createWatchService(this.channel, { ...shared, ...options.watch })
    this.kv = createKv({
      channel: this.channel,
      watch: this.watch,
      namespace,
      maxTxnOps,
      clock,
      callTimeoutMs,
    })
    this.lease = createLeaseService(this.channel, shared)
    this.authAdmin = createAuthAdminService(this.channel)
    this.maintenance = createMaintenanceService(this.channel, { clock, callTimeoutMs })
    this.cluster = createClusterService(this.channel)
    const { channel, watch } = this
    this.#state = {
      clientName: options.clientName,
      get endpoints() {
        return channel.endpointStates
      },
      get watches() {
        return { size: watch.size, waiting: watch.waiting }
      },
    }
    this.#members = new MemberSync({
      channel,
      seeds: () => channel.seeds,
      probeTimeoutMs: options.connectTimeoutMs,
      useEndpoints: (urls) => channel.useEndpoints(urls),
    })
    this.#forget = noteOpenClient(this.#state)
    if (options.syncMembersMs > 0) outside(() => this.#syncLater())
    if (signal !== undefined) this.#closeOn(signal)
  }

  syncMembers(): Promise<readonly string[]> {
    return this.#members.run()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    const { clock } = this.#options
    this.#forget()
    clock.clearTimeout(this.#syncTimer)
    this.#unlisten?.()
    this.watch.close()
    this.lease.close()
    const givenBack = this.kv.close()
    this.channel.refuseCalls()
    await givenBack
    this.#closed.abort()
    await this.channel.close()
  }

  #closeOn(signal: AbortSignal): void {
    if (signal.aborted) void this.close()
    else this.#unlisten = onAbort(signal, () => void this.close())
  }

  #syncLater(): void {
    const { clock, logger, syncMembersMs } = this.#options
    this.#syncTimer = clock.setTimeout(async () => {
      try {
        await this.syncMembers()
      } catch (error) {
        if (error instanceof EtcdError && error.code === 'closed') return
        logger.warn('The members of the cluster could not be listed', { error })
      }
      if (this.#closing === undefined) this.#syncLater()
    }, syncMembersMs)
  }
}
