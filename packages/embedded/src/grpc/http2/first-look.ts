import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { isAuthorityRefused } from './authority.ts'
import { AuthorityFilter, MAX_FRAME_BYTES, TABLE_BYTES } from './authority-filter.ts'
import {
  announcedLength,
  FRAME_FLAG,
  FRAME_TYPE,
  type Frame,
  PREFACE,
  readFrame,
  writeFrame,
} from './frames.ts'
import { HeaderBlock, MAX_BLOCK_BYTES } from './header-block.ts'
import type { HeaderField } from './header-field.ts'
import { HpackDecoder } from './hpack-decoder.ts'

/**
 * Maximum number of bytes, up to the first call, that are inspected; beyond it the connection is passed on as
 * it is.
 */
const MAX_SEEN_BYTES = 256 * 1024
/**
 * How long to wait for a client's acknowledgement of SETTINGS, in milliseconds; after that it is filtered at
 * some cost.
 */
const ACK_PATIENCE_MS = 250
/** Maximum size of PING answers that a client has not read, in bytes. */
const MAX_UNREAD_BYTES = 64 * 1024

const NOTHING = Buffer.alloc(0)

/**
 * Inspects an HTTP/2 connection until its first call shows whether Node accepts the authorities its calls
 * name, and passes it on: the socket itself, which Node then reads directly, or a filtered connection, which
 * costs performance.
 *
 * Clients whose first authority is representative are not filtered: gRPC's own, with one authority per
 * channel, and those that disable server push, like HTTP libraries, which derive the authority from a URL.
 *
 * A client that waits for the server's SETTINGS before it calls is sent an empty frame; its acknowledgement
 * is hidden from Node, which has not sent that frame. PINGs of a client without a call are answered.
 */
export function takeFirstLook(socket: Socket, handOver: (connection: Duplex) => void): void {
  const look = new FirstLook(socket, handOver)
  look.begin()
}

class FirstLook {
  readonly #socket: Socket
  readonly #handOver: (connection: Duplex) => void
  /** Inspected bytes to be passed on to Node. */
  readonly #looked: Buffer[] = []
  #lookedBytes = 0
  /** Bytes read but not inspected yet. */
  #rest: Buffer = NOTHING
  #settings: 'unsent' | 'sent' | 'acknowledged' = 'unsent'
  #block: HeaderBlock | undefined
  #isPushOff = false
  #verdict: 'native' | 'filtered' | undefined
  #timer: NodeJS.Timeout | undefined

  readonly #onReadable = (): void => this.#read()
  readonly #onClose = (): void => clearTimeout(this.#timer)

  constructor(socket: Socket, handOver: (connection: Duplex) => void) {
    this.#socket = socket
    this.#handOver = handOver
  }

  begin(): void {
    this.#socket.on('readable', this.#onReadable)
    this.#socket.once('close', this.#onClose)
    this.#read()
  }

  #read(): void {
    for (let chunk = this.#socket.read(); chunk !== null; chunk = this.#socket.read()) {
      this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    }
    this.#judge()
    const isFull = this.#lookedBytes + this.#rest.length > MAX_SEEN_BYTES
    if (isFull) this.#verdict ??= 'native'
    if (this.#verdict === undefined) this.#greet()
    else if (isFull || this.#settings !== 'sent' || this.#verdict === 'filtered') this.#end()
    // The acknowledgement is expected soon; without it the connection would have to be filtered for good.
    else this.#timer ??= setTimeout(() => this.#end(), ACK_PATIENCE_MS)
  }

  /** Inspects all complete frames. Violations of the protocol are left for Node to answer. */
  #judge(): void {
    let at = 0
    if (this.#lookedBytes === 0) {
      const start = this.#rest.subarray(0, PREFACE.length)
      if (!start.equals(PREFACE.subarray(0, start.length))) this.#verdict = 'native'
      if (start.length < PREFACE.length || this.#verdict !== undefined) return
      this.#keep(start)
      at = start.length
    }
    while (this.#verdict === undefined || this.#settings === 'sent') {
      const frame = readFrame(this.#rest, at)
      if (frame === undefined) break
      at += frame.bytes.length
      this.#look(frame)
    }
    this.#rest = this.#rest.subarray(at)
    if ((announcedLength(this.#rest, 0) ?? 0) > MAX_FRAME_BYTES) this.#verdict ??= 'native'
  }

  #look(frame: Frame): void {
    const isAck = (frame.flags & FRAME_FLAG.ack) !== 0
    if (this.#settings === 'sent' && frame.type === FRAME_TYPE.settings && isAck) {
      this.#settings = 'acknowledged'
      return
    }
    if (this.#verdict === undefined && this.#settings !== 'unsent' && isPing(frame)) {
      this.#answer(frame)
      return
    }
    this.#keep(frame.bytes)
    if (this.#verdict === undefined) this.#verdict = this.#collect(frame)
  }

  #keep(bytes: Buffer): void {
    this.#looked.push(bytes)
    this.#lookedBytes += bytes.length
  }

  /** The verdict once the first call's headers are complete; undefined before. */
  #collect(frame: Frame): 'native' | 'filtered' | undefined {
    try {
      if (this.#block !== undefined) this.#block.add(frame)
      else if (frame.type === FRAME_TYPE.headers) this.#block = new HeaderBlock(frame)
      else if (frame.type === FRAME_TYPE.settings) this.#isPushOff ||= turnsPushOff(frame)
      if (this.#block?.isWhole !== true) return undefined
      const fields = new HpackDecoder(TABLE_BYTES, MAX_BLOCK_BYTES).decode(this.#block.block)
      return !isAuthorityRefused(fields) && (this.#isPushOff || isGrpc(fields)) ? 'native' : 'filtered'
    } catch {
      return 'native'
    }
  }

  #answer({ payload }: Frame): void {
    this.#socket.write(writeFrame(FRAME_TYPE.ping, FRAME_FLAG.ack, 0, payload))
    if (this.#socket.writableLength > MAX_UNREAD_BYTES) this.#socket.destroy()
  }

  /** Sends SETTINGS to a client that may be waiting for them. */
  #greet(): void {
    if (this.#settings !== 'unsent' || this.#lookedBytes === 0) return
    this.#settings = 'sent'
    this.#socket.write(writeFrame(FRAME_TYPE.settings, 0, 0, NOTHING))
  }

  #end(): void {
    clearTimeout(this.#timer)
    this.#socket.off('readable', this.#onReadable)
    this.#socket.off('close', this.#onClose)
    if (this.#socket.destroyed) return
    const seen = Buffer.concat([...this.#looked, this.#rest])
    const isAckDue = this.#settings === 'sent'
    if (this.#verdict === 'native' && !isAckDue) {
      this.#socket.unshift(seen)
      this.#handOver(this.#socket)
    } else {
      this.#handOver(new AuthorityFilter(this.#socket, { seen, isAckDue }))
    }
  }
}

function isPing({ type, flags, streamId, payload }: Frame): boolean {
  const isAsked = type === FRAME_TYPE.ping && (flags & FRAME_FLAG.ack) === 0
  return isAsked && streamId === 0 && payload.length === 8
}

/** Size of an identifier with its value. */
const SETTING_BYTES = 6
const ENABLE_PUSH = 2

function turnsPushOff({ payload }: Frame): boolean {
  for (let at = 0; at + SETTING_BYTES <= payload.length; at += SETTING_BYTES) {
    if (payload.readUInt16BE(at) === ENABLE_PUSH && payload.readUInt32BE(at + 2) === 0) return true
  }
  return false
}

function isGrpc(fields: readonly HeaderField[]): boolean {
  return fields.some(({ name, value }) => name === 'user-agent' && value.includes('grpc-'))
}
