import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { definitionOf, storableMetadata } from '../define-service.ts'
import { DiscoveryError } from '../errors.ts'
import { DEFAULT_WEIGHT } from '../record/endpoint-record.ts'
import { cancelled, within } from '../wait.ts'
import { advertisedAddress } from './address.ts'
import { boundAddress } from './bound-address.ts'
import type { Registration } from './registration-contract.ts'
import {
  type AdapterOptions,
  readAdapterOptions,
  readRegisterOptions,
  type RegisterOptions,
} from './registration-options.ts'
import { ServerDrain } from './server-drain.ts'
import type { RegistrationContext } from './registration-context.ts'
import { ServiceRegistration } from './service-registration.ts'

/**
 * Registers an instance once its server listens and it is ready.
 *
 * @throws DiscoveryError `invalid_option`, `unreachable_address`, `not_registered`, `cancelled`, `closed`
 */
export async function register<Metadata>(
  context: RegistrationContext,
  given: RegisterOptions<Metadata>,
): Promise<Registration<Metadata>> {
  const options = readRegisterOptions(given as RegisterOptions)
  let registration: ServiceRegistration | undefined
  const onClosed = (): void => registration?.serverClosed()
  const drain = options.server === undefined ? undefined : new ServerDrain(options.server, onClosed)
  try {
    registration = await registerWith(context, options, drain)
    if (options.server?.listening === false) registration.serverClosed()
    return registration
  } catch (error) {
    drain?.release()
    throw error
  }
}

/**
 * For adapters of frameworks, which give `server` and `signal` themselves: judges the other options of `register` as far as
 * they do not depend on the moment, so that a mistake is found where an application is put together.
 *
 * @throws DiscoveryError `invalid_option`, also for `server` and `signal`
 */
export function assertRegisterOptions<Metadata>(
  options: Omit<RegisterOptions<Metadata>, 'server' | 'signal'>,
): void {
  judged(readAdapterOptions(options as AdapterOptions))
}

function judged({ service, metadata }: RegisterOptions) {
  const definition = definitionOf('register', service)
  return { definition, labels: storableMetadata('register', definition, metadata) }
}

async function registerWith(
  context: RegistrationContext,
  options: RegisterOptions,
  drain: ServerDrain | undefined,
): Promise<ServiceRegistration> {
  const { definition, labels } = judged(options)
  const signal = AbortSignal.any([context.closed, ...(options.signal === undefined ? [] : [options.signal])])
  const bound = options.server === undefined ? undefined : await boundAddress(options.server, signal)
  const { advertise } = options
  const etcdEndpoints = context.client.channel.endpoints()
  const address = await advertisedAddress({ advertise, bound, env: context.env, etcdEndpoints })
  await becomeReady(context, options, signal)
  const { zone = context.zone, version, weight = DEFAULT_WEIGHT, protocol = definition.protocol } = options
  const id = `${hostname()
    .slice(0, 60)
    .replace(/[^A-Za-z0-9.-]/g, '-')}-${randomBytes(6).toString('hex')}`
  const record = { id, address, protocol, zone, version, weight, isLeaving: false, labels }
  const registration = new ServiceRegistration(context, definition, options, record, drain)
  await registration.begin(signal)
  return registration
}

async function becomeReady(
  { clock, closed }: RegistrationContext,
  { ready }: RegisterOptions,
  signal: AbortSignal,
): Promise<void> {
  const work = ready === undefined ? undefined : Promise.resolve().then(ready)
  work?.catch(() => undefined)
  if (work !== undefined) await within(clock, NEVER_MS, work, signal)
  if (closed.aborted)
    throw new DiscoveryError('closed', 'the discovery was closed before the instance was registered')
  if (signal.aborted) throw cancelled('register', signal)
}

const NEVER_MS = 2 ** 31 - 1
