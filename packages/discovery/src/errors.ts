/** Every code of `DiscoveryError` with its meaning and its remedy. */
export const discoveryErrorCodes = {
  invalid_option: {
    meaning: 'An option or an argument is not usable.',
    remedy: 'Correct the option the message names.',
  },
  unreachable_address: {
    meaning: 'The address of this instance could not be used by other hosts.',
    remedy:
      'Give `advertise: { host, port }`, or set LIVETREE_ADVERTISE to the address others reach this process at.',
  },
  not_registered: {
    meaning: 'The store does not hold in time what it should of the instance, or the server does not listen.',
    remedy: 'See `cause` for what etcd said.',
  },
  no_endpoints: {
    meaning: 'The service has no endpoint that may be used.',
    remedy: 'Is an instance registered, and is its weight above 0? `status` of the view says what is known.',
  },
  overloaded: {
    meaning: 'Every endpoint has as many requests in flight as the policy allows.',
    remedy: 'Add instances, or raise `maxInFlight` or `maxInFlightPerEndpoint` of the policy.',
  },
  request_failed: {
    meaning: 'No endpoint that was tried has answered.',
    remedy: 'See `cause` for the last failure.',
  },
  retry_budget_exhausted: {
    meaning:
      'A failed request could have been sent to another endpoint, but too many requests fail for more retries.',
    remedy: 'See `cause` for the failure; the service as a whole is failing.',
  },
  cancelled: {
    meaning: 'The signal of the call was aborted.',
    remedy: 'The caller asked for it: `cause` holds the reason of the signal.',
  },
  closed: {
    meaning: 'The registration, view, dispatcher or discovery is closed.',
    remedy: 'Do not use it after it was closed.',
  },
} as const satisfies Record<string, { readonly meaning: string; readonly remedy: string }>

/** The kind of a `DiscoveryError`; see `discoveryErrorCodes` for the meaning of each code. */
export type DiscoveryErrorCode = keyof typeof discoveryErrorCodes

/**
 * The error class of this package. `message` starts with the code in brackets and says what happened, where, and what to
 * do. `cause` is the error of etcd or of undici behind it, if there is one.
 */
export class DiscoveryError extends Error {
  override readonly name = 'DiscoveryError'
  readonly code: DiscoveryErrorCode

  /** `remedy` replaces that of the code. */
  constructor(
    code: DiscoveryErrorCode,
    what: string,
    { remedy, ...options }: { readonly cause?: unknown; readonly remedy?: string } = {},
  ) {
    const sentence = /[.!?]$/.test(what) ? what : `${what}.`
    super(`[${code}] ${sentence} ${remedy ?? discoveryErrorCodes[code].remedy}`, options)
    this.code = code
  }
}

/** A short description of a thrown value for a message; never throws. */
export function reasonOf(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error)
  } catch {
    return 'an error that cannot be read'
  }
}

/** The thrown value as an Error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(reasonOf(thrown), { cause: thrown })
}
