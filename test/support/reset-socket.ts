import type { Socket } from 'node:net'

/**
 * Resets a connection. While the socket is shutting down, libuv refuses a reset and Node then leaves the handle open for
 * ever, so that the process does not end: such a socket is closed.
 */
export function resetSocket(socket: Socket): void {
  if (socket.writableEnded && !socket.writableFinished) socket.destroy()
  else socket.resetAndDestroy()
}
