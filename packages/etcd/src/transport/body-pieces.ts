/** Size of the pieces that a large body is sent in, in bytes: as much as Node accepts at once for one stream. */
export const PIECE_BYTES = 16 * 1024

/** A body in pieces. It may be iterated again, since undici sends a request again that had not left. */
class Pieces implements Iterable<Buffer> {
  readonly #body: Buffer

  constructor(body: Buffer) {
    this.#body = body
  }

  *[Symbol.iterator](): Generator<Buffer> {
    for (let at = 0; at < this.#body.length; at += PIECE_BYTES)
      yield this.#body.subarray(at, at + PIECE_BYTES)
  }
}

/**
 * Returns a large body in pieces, which are sent one by one. A body that Node is given whole is sent whole before anything
 * else of its session: over a slow link, reads, renewals of leases and new watches would wait for a large write, for longer
 * than their deadlines. With pieces, streams take turns. Node also keeps what a stream had still to send when it was reset.
 * Seen with Node 24.21.
 */
export function inPieces<Body extends object>(body: Body): Body | Iterable<Buffer> {
  return Buffer.isBuffer(body) && body.length > PIECE_BYTES ? new Pieces(body) : body
}
