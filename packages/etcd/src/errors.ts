import { errorCodes, type EtcdErrorCode, type Fate } from './error-codes.ts'

/** What an `EtcdError` is made of, besides its code. */
export interface EtcdErrorDetails {
  /** What happened, in words, without a full stop. Never a value, a password or a token. Default: the code's meaning. */
  readonly what?: string | undefined
  /** The endpoint's URL. */
  readonly endpoint?: string | undefined
  /** `KV/Range`. */
  readonly call?: string | undefined
  readonly cause?: unknown
  /** Default: the code's own. */
  readonly fate?: Fate | undefined
  /** The status number the server gave. */
  readonly grpcStatus?: number | undefined
  /** Replaces the code's own advice. */
  readonly remedy?: string | undefined
  /** With `compacted`: the oldest revision still kept, where the server told it. */
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
 * Every error this package throws or reports. `code` says what kind it is (all of them stand in `errorCodes`);
 * the message names the call, the endpoint and what to do. Holds no values, passwords or tokens.
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

  /** The endpoint's URL, where there was one. */
  get endpoint(): string | undefined {
    return this.#details.endpoint
  }

  /** The call, e.g. `KV/Range`. */
  get call(): string | undefined {
    return this.#details.call
  }

  /** What happened, without where and what to do. */
  get what(): string {
    return this.#details.what ?? errorCodes[this.code].meaning
  }

  /** What to do about it. */
  get remedy(): string {
    return this.#details.remedy ?? errorCodes[this.code].remedy
  }

  /** What became of the request. */
  get fate(): Fate {
    return this.#details.fate ?? errorCodes[this.code].fate
  }

  /** The status number the server gave, where it gave one. */
  get grpcStatus(): number | undefined {
    return this.#details.grpcStatus
  }

  /** With `compacted`: the oldest revision still kept, where the server told it. */
  get compactRevision(): number | undefined {
    return this.#details.compactRevision
  }

  /** The same error told of another place, or with more detail. */
  with(details: EtcdErrorDetails): EtcdError {
    return new EtcdError(this.code, {
      ...this.#details,
      ...details,
      cause: details.cause ?? this.#details.cause ?? this,
    })
  }
}

/** True when trying again, anywhere, cannot help until somebody changes something: whoever tries for ever stops. */
export function isFinalError(error: unknown): boolean {
  return error instanceof EtcdError && errorCodes[error.code].isFinal
}

/**
 * True when an endpoint or its TLS is set up wrongly: waiting does not help, another endpoint may. A call that fails
 * so has found no endpoint without such a fault.
 */
export function isSettingError(error: unknown): boolean {
  return error instanceof EtcdError && errorCodes[error.code].isSetting
}
