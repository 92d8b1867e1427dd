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

/** What a client may send before its first call and with it, until it gets more room: above this it is not looked at. */
const MAX_SEEN_BYTES = 256 * 1024
/** A client acknowledges SETTINGS in one round trip; one that does not is served all the same, at some cost. */
const ACK_PATIENCE_MS = 250
/** Answers to PINGs that may wait for a client to read them, in bytes. */
const MAX_UNREAD_BYTES = 64 * 1024

const NOTHING = Buffer.alloc(0)

/**
 * Looks at an HTTP/2 connection until its first call shows whether Node takes the authority that calls on it name, and
 * hands it over: the socket itself, which Node then reads without us, or one that is filtered, which costs.
 *
 * Not filtered are clients whose first authority speaks for all: gRPC's own, whose channels have one, and those that
 * turn server push off, as libraries for HTTP do, which take the authority from a URL.
 *
 * A client that waits for the server's SETTINGS before it calls is sent empty ones; the acknowledgement is kept from
 * Node, which has not sent them. PINGs of a client that has nothing to call are answered.
 */
export function takeFirstLook(socket: Socket, handOver: (connection: Duplex) => void): void {
  const look = new FirstLook(socket, handOver)
  look.begin()
}

class FirstLook {
  readonly #socket: Socket
  readonly #handOver: (connection: Duplex) => void
  /** What was looked at and is to reach Node. */
  readonly #looked: Buffer[] = []
  #lookedBytes = 0
  /** What was read after that. */
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
    // The acknowledgement is on its way; without it Node would have to be shielded from it for ever.
    else this.#timer ??= setTimeout(() => this.#end(), ACK_PATIENCE_MS)
  }

  /** Looks at what is whole. What breaks the protocol is for Node to answer. */
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

  /** The verdict, once the first call's headers are whole; those that come before them are asked for it in vain. */
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

  /** Tells a client that may be waiting for it that HTTP/2 is spoken here. */
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

/** An identifier and a value. */
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
