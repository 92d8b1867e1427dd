import type { TLSSocket } from 'node:tls'

/** Node's internal handle of a socket. */
interface Handle {
  readonly writeQueueSize?: number
  readStart?(): number
}

const CHECK_MS = 1_000

/**
 * Makes the socket notice that its connection was reset. Node does not read while it writes. If a write is
 * the first to encounter the reset, Node considers it in progress for ever: it never reads again, and neither
 * the session nor its calls are notified. Reading once more finds the end. On a healthy connection with a
 * long write this only means that answers are read meanwhile. Seen with Node 24.21; remove when the test of
 * TLS "after a reset that a write meets first" passes without it on the oldest Node that is supported.
 */
function cureDeafness(socket: TLSSocket): void {
  let before: number | undefined
  const check = () => {
    const handle = (socket as unknown as { _handle?: Handle | null })._handle
    const isWriting = (handle?.writeQueueSize ?? 0) > 0
    if (isWriting && socket.bytesWritten === before) handle?.readStart?.()
    before = isWriting ? socket.bytesWritten : undefined
  }
  const timer = setInterval(check, CHECK_MS).unref()
  socket.once('close', () => clearInterval(timer))
}

/**
 * Ends the socket with its first error. A server that refuses the client certificate sends an alert after the
 * handshake; Node then ends the session's calls but does not destroy the socket, and undici, which waits for the
 * end of the socket, would keep the dead session for ever. Seen with Node 24.21 and undici 8.12.4; remove when
 * Node destroys a socket under an HTTP/2 session after such an alert, or undici drops the session at `error`.
 */
function endWithError(socket: TLSSocket): void {
  socket.once('error', () => setImmediate(() => socket.destroy()))
}

/** Makes a TLS socket with an HTTP/2 session end with its connection, where Node would not. */
export function mendTlsSocket(socket: TLSSocket): void {
  cureDeafness(socket)
  endWithError(socket)
}
