import { experimental, Metadata, status } from '@grpc/grpc-js'
import type { Discovery } from '../discovery-contract.ts'
import { reasonOf } from '../errors.ts'
import { SERVICE_NAME } from '../record/service-name.ts'
import type { ServiceView } from '../service-view.ts'

/** Options of `registerGrpcResolver`. */
export interface GrpcResolverOptions {
  /** The scheme of targets. Default `livetree`. */
  readonly scheme?: string
  /** gRPC's load balancing policies, the preferred one first. Default `round_robin`. */
  readonly loadBalancing?: readonly Readonly<Record<string, object>>[]
}

/** The address of a service in gRPC's form. */
type GrpcEndpoints = { addresses: { host: string; port: number }[] }[]

/**
 * Lets clients of `@grpc/grpc-js` in this process find services: `new Client('livetree:///orders', credentials)`. gRPC balances
 * by itself; the last known endpoints stay while etcd is away. A client that is closed gives its view back.
 */
export function registerGrpcResolver(discovery: Discovery, options: GrpcResolverOptions = {}): void {
  const { scheme = 'livetree', loadBalancing = [{ round_robin: {} }] } = options
  const config = { loadBalancingConfig: [...loadBalancing], methodConfig: [] }
  class Resolver extends DiscoveryResolver {
    constructor(target: experimental.GrpcUri, listener: experimental.ResolverListener) {
      super(discovery, target.path, (endpoints) => {
        listener(endpoints, {}, experimental.statusOrFromValue(config), '')
      })
    }
  }
  experimental.registerResolver(scheme, Resolver)
}

/** Follows the view of one service for one gRPC channel. */
class DiscoveryResolver implements experimental.Resolver {
  readonly #discovery: Discovery
  readonly #service: string
  readonly #listener: (endpoints: experimental.StatusOr<GrpcEndpoints>) => void
  /** The use of the view that `destroy` ends; a later `updateResolution` begins another one. */
  #use: { view: ServiceView | undefined } | undefined

  constructor(
    discovery: Discovery,
    service: string,
    listener: (endpoints: experimental.StatusOr<GrpcEndpoints>) => void,
  ) {
    this.#discovery = discovery
    this.#service = service
    this.#listener = listener
  }

  static getDefaultAuthority({ path }: experimental.GrpcUri): string {
    if (!SERVICE_NAME.accepts(path)) throw new Error(`${path} is not ${SERVICE_NAME.expected}`)
    return path
  }

  updateResolution(): void {
    if (this.#use !== undefined) return
    this.#use = { view: undefined }
    void this.#open(this.#use)
  }

  destroy(): void {
    void this.#use?.view?.close()
    this.#use = undefined
  }

  async #open(use: { view: ServiceView | undefined }): Promise<void> {
    try {
      const view = await this.#discovery.openService(this.#service)
      if (this.#use !== use) {
        await view.close()
        return
      }
      use.view = view
      view.on('change', () => this.#report(view))
      view.on('live', () => this.#report(view))
      this.#report(view)
    } catch (error) {
      if (this.#use !== use) return
      this.#use = undefined
      this.#fail(reasonOf(error))
    }
  }

  #report(view: ServiceView): void {
    if (this.#use?.view !== view) return
    const known = view.endpoints.filter(({ health, weight }) => health !== 'draining' && weight > 0)
    const confirmed = known.filter(({ health }) => health !== 'unconfirmed')
    const used = confirmed.length > 0 ? confirmed : known
    if (used.length === 0) {
      this.#fail(`${this.#service} has no endpoint`)
      return
    }
    const endpoints = used.map(({ url: { hostname, port, protocol } }) => ({
      addresses: [
        { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (protocol === 'https:' ? 443 : 80) },
      ],
    }))
    this.#listener(experimental.statusOrFromValue(endpoints))
  }

  #fail(details: string): void {
    this.#listener(
      experimental.statusOrFromError({ code: status.UNAVAILABLE, details, metadata: new Metadata() }),
    )
  }
}
