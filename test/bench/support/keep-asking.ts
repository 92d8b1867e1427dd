import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

const question = Buffer.from('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')

/** A client that costs next to nothing, so that it is the server that is measured. */
export interface Asker {
  /** Asks so many times over all connections, one question at a time on each; gives the milliseconds it took. */
  ask(count: number): Promise<number>
  close(): void
}

/** Connects to a server on this machine whose answers are short, and which keeps its connections open. */
export async function openAsker(port: number, connections: number): Promise<Asker> {
  const sockets = await Promise.all(
    Array.from({ length: connections }, async () => {
      const socket = connect(port, '127.0.0.1').setNoDelay(true)
      await once(socket, 'connect')
      return socket
    }),
  )
  return {
    ask: (count) => askOver(sockets, count),
    close() {
      for (const socket of sockets) socket.destroy()
    },
  }
}

function askOver(sockets: readonly Socket[], count: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now()
    let asked = 0
    let answered = 0
    const next = (socket: Socket) => {
      asked++
      socket.write(question)
    }
    for (const socket of sockets) {
      socket.removeAllListeners().on('error', reject)
      socket.on('close', () => reject(new Error('the server closed a connection')))
      socket.on('data', (answer: Buffer) => {
        if (!answer.subarray(0, 12).equals(ok))
          reject(new Error(`the server answered ${answer.subarray(0, 40)}`))
        answered++
        if (answered === count) resolve(performance.now() - startedAt)
        else if (asked < count) next(socket)
      })
      next(socket)
    }
  })
}

/** How a good answer begins; answers this short come in one piece. */
const ok = Buffer.from('HTTP/1.1 200')
