import type { KeyRange } from './key-range-form.ts'
import { errorCodes, type EtcdErrorCode, type Fate } from './error-codes.ts'
import { isOutdatedTokenText } from './token-texts.ts'

/** The parts of an `EtcdError` besides its code. */
export interface EtcdErrorDetails {
  /**
   * What happened, without a full stop. Never contains a value, a password or a token. Default: the code's
   * meaning.
   */
  readonly what?: string | undefined
  /** URL of the endpoint. */
  readonly endpoint?: string | undefined
  /** Name of the call, e.g. `KV/Range`. */
  readonly call?: string | undefined
  readonly cause?: unknown
  /** What happened to the request. Default: the code's fate. */
  readonly fate?: Fate | undefined
  /** The gRPC status code of the response. */
  readonly grpcStatus?: number | undefined
  /** Replaces the code's remedy. */
  readonly remedy?: string | undefined
  /** With `permission_denied`: the range that the user may not read, if it is known. */
  readonly range?: KeyRange | undefined
  /** With `compacted`: the oldest revision still kept, if the server reported it. */
  readonly compactRevision?: number | undefined
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`
}

function messageOf(code: EtcdErrorCode, details: EtcdErrorDetails): string {
  const { call, endpoint } = details
  const where = [call, endpoint === undefined ? undefined : `on ${endpoint}`].filter(Boolean).join(' ')
  const what = sentence(details.what ?? errorCodes[code].meaning)
  return `[${code}] ${where === '' ? '' : `${where}: `}${what} ${details.remedy ?? errorCodes[code].remedy}`
}

/**
 * Every error this package throws or reports. `code` is one of `errorCodes`; the message names the call, the
 * endpoint and the remedy, and contains no values, passwords or tokens.
 */
export class EtcdError extends Error {
  override readonly name = 'EtcdError'
  readonly code: EtcdErrorCode
  readonly #details: EtcdErrorDetails

  constructor(code: EtcdErrorCode, details: EtcdErrorDetails = {}) {
    super(messageOf(code, details), details.cause === undefined ? undefined : { cause: details.cause })
    Object.defineProperty(this, 'name', { value: 'EtcdError', enumerable: false })
    this.code = code
    this.#details = details
  }

  /** URL of the endpoint, if there was one. */
  get endpoint(): string | undefined {
    return this.#details.endpoint
  }

  /** Name of the call, e.g. `KV/Range`. */
  get call(): string | undefined {
    return this.#details.call
  }

  /** What happened, without the place, the remedy and a full stop at the end. */
  get what(): string {
    return (this.#details.what ?? errorCodes[this.code].meaning).replace(/\.$/, '')
  }

  /** What the user can do. */
  get remedy(): string {
    return this.#details.remedy ?? errorCodes[this.code].remedy
  }

  /** What happened to the request. */
  get fate(): Fate {
    return this.#details.fate ?? errorCodes[this.code].fate
  }

  /** The gRPC status code of the response, if there was one. */
  get grpcStatus(): number | undefined {
    return this.#details.grpcStatus
  }

  /** With `compacted`: the oldest revision still kept, if the server reported it. */
  get compactRevision(): number | undefined {
    return this.#details.compactRevision
  }

  /** With `permission_denied`: the range that the user may not read, if it is known. */
  get range(): KeyRange | undefined {
    return this.#details.range
  }

  /**
   * A copy of this error with some details replaced; this error becomes its cause unless there is one
   * already.
   */
  with(details: EtcdErrorDetails): EtcdError {
    return new EtcdError(this.code, {
      ...this.#details,
      ...details,
      cause: details.cause ?? this.#details.cause ?? this,
    })
  }
}

/**
 * True when no retry, on any endpoint, can succeed until somebody changes something. Endless retries stop
 * then. A token that has become old or unknown is not final: a new one may be accepted.
 */
export function isFinalError(error: unknown): boolean {
  if (!(error instanceof EtcdError) || !errorCodes[error.code].isFinal) return false
  return error.code !== 'unauthenticated' || !isOutdatedTokenText(error.what)
}

/**
 * True when an endpoint or its TLS is misconfigured: waiting does not help, but another endpoint may. A call
 * that fails with such an error has found no correctly configured endpoint.
 */
export function isSettingError(error: unknown): boolean {
  return error instanceof EtcdError && errorCodes[error.code].isSetting
}
