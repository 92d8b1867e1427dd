import type { Socket } from 'node:net'
import { resetSocket } from './reset-socket.ts'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'

/** How one direction of a proxy treats the bytes it carries. Changed while connections are open. */
export class FlowSettings {
  /** Each chunk leaves this long after it arrived. */
  delayMs = 0
  /** Bytes are handed on at most this many at a time, each in a write of its own. */
  chunkBytes = Number.POSITIVE_INFINITY
  /** Bytes are taken and thrown away. */
  isDropping = false
  /** Asked for every chunk; false cuts the connection before the chunk is handed on. */
  admit: (bytes: Buffer) => boolean = () => true
  /** Bytes carried so far, over all connections; those thrown away do not count. */
  carriedBytes = 0
  /** Bytes thrown away so far. */
  droppedBytes = 0
  /** Connections whose bytes are thrown away for good, by the socket they come from. */
  readonly stranded = new WeakSet<Socket>()
  #stall: { readonly over: Promise<void>; readonly end: () => void } | undefined
  #trap: { readonly bytes: number; readonly sprung: () => void } | undefined

  /** Nothing passes until `flow()`, not even the end of a connection. */
  stall(): void {
    if (this.#stall !== undefined) return
    let end = () => {}
    const over = new Promise<void>((resolve) => {
      end = resolve
    })
    this.#stall = { over, end }
  }

  /** Ends a stall; what was held is handed on. */
  flow(): void {
    this.#stall?.end()
    this.#stall = undefined
  }

  /** Resolves when nothing is stalled. */
  async flowing(): Promise<void> {
    while (this.#stall !== undefined) await this.#stall.over
  }

  /** Cuts the first connection over which this many more bytes have passed, at exactly that byte. Resolves then. */
  cutAfter(bytes: number): Promise<void> {
    return new Promise((resolve) => {
      this.#trap = { bytes, sprung: resolve }
    })
  }

  /** The trap that is set, so that a connection can count its own bytes towards it. */
  get trap() {
    return this.#trap
  }

  /** Takes the trap away. Its promise resolves, as when it had sprung. */
  disarm(): void {
    this.#trap?.sprung()
    this.#trap = undefined
  }

  /** Back to plain carrying. */
  reset(): void {
    this.delayMs = 0
    this.chunkBytes = Number.POSITIVE_INFINITY
    this.isDropping = false
    this.disarm()
    this.flow()
  }
}

type Piece = { readonly at: number } & ({ readonly bytes: Buffer } | { readonly end: 'closed' | 'reset' })

/** More than this is not taken from a sender before the receiver has had it, so that back pressure passes through. */
const queueLimitBytes = 1_048_576

/** Carries one direction of one connection, from `source` to `sink`, as the settings say at each moment. */
export async function carry(source: Socket, sink: Socket, settings: FlowSettings): Promise<void> {
  const queue = new PieceQueue(source)
  let trap = settings.trap
  let towardsTrap = 0
  for (;;) {
    const piece = await queue.next()
    const waitMs = piece.at + settings.delayMs - performance.now()
    if (settings.delayMs > 0 && waitMs > 0) await sleep(waitMs)
    await settings.flowing()
    if ('end' in piece) {
      if (piece.end === 'closed') sink.end()
      else resetSocket(sink)
      return
    }
    if (!settings.admit(piece.bytes)) {
      resetSocket(sink)
      resetSocket(source)
      return
    }
    for (let from = 0; from < piece.bytes.length; ) {
      await settings.flowing()
      if (settings.isDropping || settings.stranded.has(source)) {
        settings.droppedBytes += piece.bytes.length - from
        break
      }
      if (trap !== settings.trap) [trap, towardsTrap] = [settings.trap, 0]
      const left = trap === undefined ? Number.POSITIVE_INFINITY : trap.bytes - towardsTrap
      const slice = piece.bytes.subarray(from, from + Math.min(settings.chunkBytes, left))
      from += slice.length
      towardsTrap += slice.length
      settings.carriedBytes += slice.length
      await write(sink, slice)
      if (trap !== undefined && towardsTrap >= trap.bytes) {
        settings.disarm()
        sink.destroySoon()
        resetSocket(source)
        return
      }
      // A receiver in this process reads this slice before the next one is there: sockets have their turn in between.
      if (settings.chunkBytes < Number.POSITIVE_INFINITY) await turn().then(() => turn())
    }
  }
}

function write(sink: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    if (sink.destroyed || sink.writableEnded || sink.write(bytes)) return resolve()
    const settle = () => {
      sink.off('drain', settle)
      sink.off('close', settle)
      resolve()
    }
    sink.on('drain', settle)
    sink.on('close', settle)
  })
}

/** What a socket has delivered and nobody has carried on yet. */
class PieceQueue {
  readonly #source: Socket
  readonly #pieces: Piece[] = []
  #queuedBytes = 0
  #wake: () => void = () => {}

  constructor(source: Socket) {
    this.#source = source
    source.on('data', (bytes: Buffer) => {
      this.#queuedBytes += bytes.length
      if (this.#queuedBytes > queueLimitBytes) source.pause()
      this.#push({ at: performance.now(), bytes })
    })
    source.once('end', () => this.#push({ at: performance.now(), end: 'closed' }))
    source.once('close', () =>
      this.#push({ at: performance.now(), end: source.errored ? 'reset' : 'closed' }),
    )
  }

  async next(): Promise<Piece> {
    while (this.#pieces[0] === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    const piece = this.#pieces.shift() as Piece
    if ('bytes' in piece) {
      this.#queuedBytes -= piece.bytes.length
      if (this.#queuedBytes <= queueLimitBytes) this.#source.resume()
    }
    return piece
  }

  #push(piece: Piece): void {
    this.#pieces.push(piece)
    this.#wake()
  }
}
