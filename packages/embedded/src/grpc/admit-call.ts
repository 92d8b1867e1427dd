import type { IncomingHttpHeaders } from 'node:http2'
import { GRPC_CODE, StatusError } from '../status.ts'

/** Settings from a call's headers besides its path and its token. */
export interface Admission {
  /** The `content-type` of the response. */
  readonly contentType: string
  /** How long the client waits, in milliseconds; undefined means no limit. */
  readonly timeoutMs: number | undefined
}

/** A call that is refused because of its headers. */
export class RefusedCall extends StatusError {
  readonly httpStatus: number

  constructor(httpStatus: number, code: number, message: string) {
    super(code, message)
    this.name = 'RefusedCall'
    this.httpStatus = httpStatus
  }
}

const GRPC = 'application/grpc'

/** Units of a `grpc-timeout` in milliseconds. */
export const TIMEOUT_UNITS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
}
/** Eight digits and a unit. */
const MAX_TIMEOUT_LENGTH = 9

/**
 * Validates the headers of a call like gRPC's Go server.
 *
 * @throws RefusedCall for a request that is not a gRPC call or not readable
 */
export function admitCall(headers: IncomingHttpHeaders): Admission {
  const contentType = answerType(headers['content-type'] ?? '')
  const timeoutMs = readTimeout(headers['grpc-timeout'])
  const method = headers[':method']
  if (method !== 'POST') {
    const message = `Received a HEADERS frame with :method "${method}" which should be POST`
    throw new RefusedCall(405, GRPC_CODE.internal, message)
  }
  const encoding = headers['grpc-encoding'] ?? 'identity'
  if (encoding !== 'identity' && encoding !== '') {
    const message = `grpc: Decompressor is not installed for grpc-encoding ${JSON.stringify(encoding)}`
    throw new RefusedCall(200, GRPC_CODE.unimplemented, message)
  }
  return { contentType, timeoutMs }
}

/**
 * The content type of a response: that of the request, with its message format after a plus or a semicolon.
 */
function answerType(contentType: string): string {
  if (contentType === GRPC) return GRPC
  const [next, ...format] = contentType.slice(GRPC.length)
  if (contentType.startsWith(GRPC) && (next === '+' || next === ';')) return `${GRPC}+${format.join('')}`
  const message = `invalid gRPC request content-type ${JSON.stringify(contentType)}`
  throw new RefusedCall(415, GRPC_CODE.invalidArgument, message)
}

function readTimeout(header: string | string[] | undefined): number | undefined {
  if (header === undefined) return undefined
  const text = String(header)
  const quoted = JSON.stringify(text)
  const refuse = (why: string): never => {
    throw new RefusedCall(400, GRPC_CODE.internal, `malformed grpc-timeout: ${why}`)
  }
  if (text.length < 2) return refuse(`transport: timeout string is too short: ${quoted}`)
  if (text.length > MAX_TIMEOUT_LENGTH) return refuse(`transport: timeout string is too long: ${quoted}`)
  const unit = TIMEOUT_UNITS[text.slice(-1)]
  if (unit === undefined) return refuse(`transport: timeout unit is not recognized: ${quoted}`)
  const digits = text.slice(0, -1)
  if (/^\d+$/.test(digits)) return Number(digits) * unit
  return refuse(`strconv.ParseUint: parsing ${JSON.stringify(digits)}: invalid syntax`)
}
