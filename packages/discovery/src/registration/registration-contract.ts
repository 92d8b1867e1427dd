import type { RegistrationCallOptions, RegistrationChange, ShutdownOptions } from './registration-options.ts'

/** Where a registration is in its life. */
export type RegistrationState =
  | 'waiting'
  | 'registering'
  | 'registered'
  | 'lost'
  | 'paused'
  | 'draining'
  | 'closed'

/** The events of a registration. */
export interface RegistrationEvents {
  readonly state: RegistrationState
}

/**
 * One registered instance. It is registered again after every loss, under the same key, until it is deregistered.
 * `await using` deregisters it at the end of the block and leaves the server alone.
 */
export interface Registration<Metadata = unknown> extends AsyncDisposable {
  /** Host name and random characters; the same for the life of the registration. */
  readonly id: string
  readonly key: string
  /** `host:port` as registered. */
  readonly address: string
  /**
   * `lost` means that the store may have forgotten the instance: consumers go on with what they know, and the instance is
   * being registered again. Never a reason to end the process.
   */
  readonly state: RegistrationState
  /**
   * Changes the record. Resolves once the store has it. The change is kept if the call rejects with `not_registered` or
   * `cancelled`, and is written as soon as etcd takes it.
   *
   * @throws DiscoveryError `not_registered` after `timeoutMs` without etcd and at once if etcd refuses it (`cause` says why),
   * `cancelled`, `invalid_option`, `closed`
   */
  update(change: RegistrationChange<Metadata>, options?: RegistrationCallOptions): Promise<void>
  /** Takes the instance out until `resume`. Resolves once the store has it no more. Fails like `update`. */
  pause(options?: RegistrationCallOptions): Promise<void>
  /**
   * Ends `pause`. Resolves once the store has the instance again; at once, with `state` still `paused`, while its health check
   * fails. Fails like `update`.
   */
  resume(options?: RegistrationCallOptions): Promise<void>
  /**
   * Takes the instance out for good, and ends the registration; its server goes on. Never rejects: if etcd is unavailable
   * for 5 s, the record is left to expire. A server that somebody closes is deregistered by itself, with a warning.
   */
  deregister(): Promise<void>
  /**
   * Deregisters, serves on for `propagationMs`, closes the server with its idle connections, waits up to `drainMs` for
   * running requests. Idempotent. Rejects with what `close` throws, after everything else is done.
   */
  shutdown(options?: ShutdownOptions): Promise<void>
  /** Calls the listener at each change of `state`. Returns the function that removes it. */
  on<Name extends keyof RegistrationEvents>(
    event: Name,
    listener: (event: RegistrationEvents[Name]) => unknown,
  ): () => void
}
