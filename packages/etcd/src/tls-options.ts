import { X509Certificate } from 'node:crypto'
import { createSecureContext, type ConnectionOptions as NodeTlsOptions } from 'node:tls'
import { isDeepStrictEqual, types } from 'node:util'
import { copyOptions } from './copy-options.ts'
import type { Logger } from './logger.ts'
import { assertOptions, type OptionTable, VALUE } from './option-table.ts'
import { refuse } from './refuse-option.ts'

/** Certificates and keys as PEM text, not file names. */
export interface TlsOptions {
  /** Authorities that sign the servers' certificates. Default: those that Node trusts. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[]
  /** The client's certificate, for servers with `--client-cert-auth`. Requires `key`. */
  readonly cert?: string | Buffer
  readonly key?: string | Buffer
  /** Decrypts an encrypted `key`. */
  readonly passphrase?: string
  /** Host name to verify in the servers' certificates. Default: the endpoint's host. */
  readonly servername?: string
  /**
   * Accepts any certificate, so anyone between client and server can read and change everything. Default
   * false.
   */
  readonly insecureSkipVerify?: boolean
}

/** Every option of TLS. */
export const TLS_OPTIONS: OptionTable<TlsOptions> = {
  ca: VALUE,
  cert: VALUE,
  key: VALUE,
  passphrase: VALUE,
  servername: VALUE,
  insecureSkipVerify: VALUE,
}

function pem(name: string, value: unknown): void {
  if (value === undefined) return
  const text = typeof value === 'string' ? value : Buffer.isBuffer(value) ? value.toString('latin1') : ''
  if (!text.includes('-----BEGIN')) {
    throw refuse(`${name} is not PEM text; if it is a file's name, read the file first`)
  }
}

/**
 * Validates the certificates and converts them to Node's options.
 *
 * @throws EtcdError `invalid_option`
 */
function forNode(given: TlsOptions): NodeTlsOptions {
  assertOptions('tls', TLS_OPTIONS, given)
  // A copy, so that what the user's function writes into the same bytes later is seen as renewed.
  const tls = copyOptions(TLS_OPTIONS, given)
  const ca: readonly (string | Buffer)[] = tls.ca === undefined ? [] : [tls.ca].flat()
  for (const each of ca) pem('tls.ca', each)
  pem('tls.cert', tls.cert)
  pem('tls.key', tls.key)
  for (const name of ['passphrase', 'servername'] as const) {
    if (tls[name] !== undefined && typeof tls[name] !== 'string') throw refuse(`tls.${name} is not a text`)
  }
  if (tls.insecureSkipVerify !== undefined && typeof tls.insecureSkipVerify !== 'boolean')
    throw refuse('tls.insecureSkipVerify is neither true nor false')
  if ((tls.cert === undefined) !== (tls.key === undefined))
    throw refuse('tls.cert and tls.key go together; one is missing')
  const material = {
    ...(ca.length === 0 ? {} : { ca: [...ca] }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert, key: tls.key }),
    ...(tls.passphrase === undefined ? {} : { passphrase: tls.passphrase }),
  }
  try {
    for (const each of ca) new X509Certificate(each)
    createSecureContext(material)
  } catch (error) {
    throw refuse(
      'tls.ca, tls.cert or tls.key cannot be used: they are damaged or do not belong together',
      error,
    )
  }
  return Object.freeze({
    ...material,
    ...(tls.servername === undefined ? {} : { servername: tls.servername }),
    rejectUnauthorized: tls.insecureSkipVerify !== true,
  })
}

function called(tls: () => TlsOptions): unknown {
  try {
    return tls()
  } catch (cause) {
    throw refuse('tls() threw an error, which is the cause', cause)
  }
}

function ask(tls: () => TlsOptions): TlsOptions {
  const given: unknown = called(tls)
  // A promise that is refused may still reject, which would end the process.
  if (types.isPromise(given)) Promise.prototype.then.call(given, undefined, () => undefined)
  if (typeof given !== 'object' || given === null || 'then' in given)
    throw refuse('tls() did not return the certificates; it has to read them at once, without a promise')
  return given
}

/**
 * Returns a function for the current, validated certificates. It returns the same object until they change.
 * Unusable certificates returned later by the user's function are logged once, and the last valid ones stay
 * in use.
 *
 * @throws EtcdError `invalid_option` if the first certificates are unusable
 */
export function tlsSource(
  tls: TlsOptions | (() => TlsOptions) | undefined,
  { endpoints, logger }: { endpoints: readonly string[]; logger: Logger },
): (() => NodeTlsOptions) | undefined {
  if (tls === undefined) return undefined
  const plain = endpoints.find((each) => each.startsWith('http:'))
  if (plain !== undefined)
    throw refuse(`tls was given, but the endpoint ${plain} is not encrypted; use https://`)
  let current = forNode(typeof tls === 'function' ? ask(tls) : tls)
  if (typeof tls !== 'function') return () => current
  let isReported = false
  return () => {
    try {
      const next = forNode(ask(tls))
      isReported = false
      if (!isDeepStrictEqual(next, current)) current = next
    } catch (error) {
      if (!isReported)
        logger.warn('Renewed certificates cannot be used; the last ones stay in use', { error })
      isReported = true
    }
    return current
  }
}
