import type { LookupFunction, Socket } from 'node:net'
import type { ConnectionOptions as TlsOptions, TLSSocket } from 'node:tls'
import type { buildConnector } from 'undici'
import { EtcdError } from '../errors.ts'
import { mendTlsSocket } from './undici/mend-tls-socket.ts'
import { undici } from './undici.ts'

/** Opens a socket and returns it at once; destroying it cancels the attempt. */
export type Connector = (
  options: buildConnector.Options,
  callback: buildConnector.Callback,
) => Socket | undefined

/** Creates a function that opens sockets and requires HTTP/2 over TLS. Callers limit the time. */
export function connector(
  url: string,
  tlsNow: (() => TlsOptions) | undefined,
  lookup: LookupFunction,
): Connector {
  const isTls = url.startsWith('https:')
  const build = (tls: TlsOptions | undefined) =>
    undici().buildConnector({
      ...(isTls ? { ...tls, preferH2: true } : {}),
      allowH2: true,
      useH2c: !isTls,
      timeout: 0,
      lookup,
    } as buildConnector.BuildOptions)
  let tls: TlsOptions | undefined
  let connect: buildConnector.connector | undefined
  return (options, callback) => {
    const now = tlsNow?.()
    // A connector resumes TLS sessions, which keep the identity they started with.
    if (connect === undefined || now !== tls) connect = build(now)
    tls = now
    // undici's types do not declare that the socket is returned.
    return connect(options, (...result) => {
      const [error, opened] = result
      if (error !== null || !isTls) return callback(...result)
      if ((opened as TLSSocket).alpnProtocol === 'h2') {
        mendTlsSocket(opened as TLSSocket)
        return callback(...result)
      }
      opened.destroy()
      callback(
        new EtcdError('not_grpc', {
          endpoint: url,
          what: 'the TLS server does not offer HTTP/2',
          fate: 'not_sent',
        }),
        null,
      )
    }) as unknown as Socket | undefined
  }
}
