import { TIMEOUT_UNITS } from '../grpc/admit-call.ts'
import { GRPC_CODE, StatusError } from '../status.ts'

const TIMEOUT = /^([+-]?\d{1,18})([HMSmun])$/

/**
 * The time in milliseconds that a client of the gateway waits; undefined without a limit.
 *
 * @throws StatusError for a header that is not readable
 */
export function gatewayTimeoutMs(header: string | undefined): number | undefined {
  if (header === undefined || header === '') return undefined
  const [, digits, unit = ''] = TIMEOUT.exec(header) ?? []
  const unitMs = TIMEOUT_UNITS[unit]
  if (unitMs === undefined) {
    throw new StatusError(GRPC_CODE.invalidArgument, `invalid grpc-timeout: ${header}`)
  }
  const timeoutMs = Number(digits) * unitMs
  return timeoutMs === 0 ? undefined : timeoutMs
}
