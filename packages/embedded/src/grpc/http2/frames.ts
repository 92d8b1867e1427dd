/** The frame types that are inspected. Source: RFC 9113, 6. */
export const FRAME_TYPE = { data: 0, headers: 1, settings: 4, ping: 6, continuation: 9 } as const

/** Frame flags. `ack` and `endStream` share a bit. */
export const FRAME_FLAG = {
  ack: 0x01,
  endStream: 0x01,
  endHeaders: 0x04,
  padded: 0x08,
  priority: 0x20,
} as const

/** The client connection preface. */
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')

/** Size of a frame's header in bytes. */
export const FRAME_HEADER_BYTES = 9

/** A complete frame. */
export interface Frame {
  readonly type: number
  readonly flags: number
  readonly streamId: number
  readonly payload: Buffer
  /** The frame as received, including its header. */
  readonly bytes: Buffer
}

/** Reads the frame that starts at `at`; undefined while it is incomplete. */
export function readFrame(bytes: Buffer, at: number): Frame | undefined {
  const start = at + FRAME_HEADER_BYTES
  if (start > bytes.length) return undefined
  const end = start + bytes.readUIntBE(at, 3)
  if (end > bytes.length) return undefined
  return {
    type: bytes.readUInt8(at + 3),
    flags: bytes.readUInt8(at + 4),
    streamId: bytes.readUInt32BE(at + 5) & 0x7fff_ffff,
    payload: bytes.subarray(start, end),
    bytes: bytes.subarray(at, end),
  }
}

/** The payload length announced by the frame at `at`; undefined while it is incomplete. */
export function announcedLength(bytes: Buffer, at: number): number | undefined {
  return at + 3 > bytes.length ? undefined : bytes.readUIntBE(at, 3)
}

/** Encodes a frame. */
export function writeFrame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(FRAME_HEADER_BYTES)
  header.writeUIntBE(payload.length, 0, 3)
  header[3] = type
  header[4] = flags
  header.writeUInt32BE(streamId, 5)
  return Buffer.concat([header, payload])
}
