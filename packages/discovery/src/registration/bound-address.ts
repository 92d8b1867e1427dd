import type { Server } from 'node:net'
import { DiscoveryError } from '../errors.ts'
import { cancelled } from '../wait.ts'
import type { BoundAddress } from './address.ts'

/** A server of `node:http`, `node:https`, `node:http2` or `node:net`. */
export type ListeningServer = Server

/**
 * Waits until the server listens and returns what it has bound.
 *
 * @throws DiscoveryError `unreachable_address` for a socket path, `not_registered` if the server fails or is closed before,
 * `cancelled`
 */
export async function boundAddress(server: ListeningServer, signal: AbortSignal): Promise<BoundAddress> {
  if (!server.listening) await listening(server, signal)
  const bound = server.address()
  if (typeof bound === 'string') {
    throw new DiscoveryError(
      'unreachable_address',
      `the server listens on the path ${bound}, which no other host reaches`,
    )
  }
  if (bound === null) throw notListening('the server was closed before it was registered')
  return { address: bound.address, port: bound.port }
}

function notListening(what: string): DiscoveryError {
  const remedy = 'Register a server that listens or is about to, and close it after its registration.'
  return new DiscoveryError('not_registered', what, { remedy })
}

function cannotListen(cause: Error): DiscoveryError {
  const remedy = 'See `cause` for what the server said.'
  return new DiscoveryError('not_registered', 'the server cannot listen', { cause, remedy })
}

function listening(server: ListeningServer, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (end: () => void) => {
      server.off('listening', onListening)
      server.off('error', onError)
      server.off('close', onClose)
      signal.removeEventListener('abort', onAbort)
      end()
    }
    const onListening = () => settle(resolve)
    const onError = (cause: Error) => settle(() => reject(cannotListen(cause)))
    const onClose = () => settle(() => reject(notListening('the server was closed before it listened')))
    const onAbort = () => settle(() => reject(cancelled('register', signal)))
    if (signal.aborted) return onAbort()
    server.on('listening', onListening)
    server.on('error', onError)
    server.on('close', onClose)
    signal.addEventListener('abort', onAbort)
  })
}
