import type { TLSSocket } from 'node:tls'

/** What Node keeps behind a socket. */
interface Handle {
  readonly writeQueueSize?: number
  readStart?(): number
}

const CHECK_MS = 1_000

/**
 * Lets the socket notice that its connection was reset. Node does not read while it writes; when a write is the first
 * to meet the reset, Node takes it for one that goes on for ever: nothing is read again, and neither the session nor its
 * calls are told. Reading once more finds the end. On a sound connection, where a long write really goes on, it has no
 * effect but that answers are read meanwhile.
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
 * Ends the socket with its first error. A server that refuses our certificate says so by an alert after the handshake;
 * Node then destroys the session but not the socket, and undici, which waits for the socket's end, would hold on to the
 * dead session for ever.
 */
function endWithError(socket: TLSSocket): void {
  socket.once('error', () => setImmediate(() => socket.destroy()))
}

/** Makes a TLS socket that carries an HTTP/2 session end when its connection has ended, where Node would not. */
export function mendTlsSocket(socket: TLSSocket): void {
  cureDeafness(socket)
  endWithError(socket)
}
