import { message, nested, repeated, string, uint32 } from '@livetree/etcd/wire'
import { duplex, type Route, unary } from '../grpc/service.ts'
import { GRPC_CODE, StatusError } from '../status.ts'

/** Values of `HealthCheckResponse.status`. */
const SERVING = 1
const SERVICE_UNKNOWN = 3

const HealthCheckRequest = message('HealthCheckRequest', { service: string(1) })
const HealthCheckResponse = message('HealthCheckResponse', { status: uint32(1) })
const HealthListRequest = message('HealthListRequest', {})
/** An entry of the map from services to their status. */
const HealthListEntry = message('HealthListEntry', {
  key: string(1),
  value: nested(2, () => HealthCheckResponse),
})
const HealthListResponse = message('HealthListResponse', {
  statuses: repeated(nested(1, () => HealthListEntry)),
})

const SERVICE = '/grpc.health.v1.Health/'
const CHECK = { path: `${SERVICE}Check`, request: HealthCheckRequest, response: HealthCheckResponse }
const WATCH = { ...CHECK, path: `${SERVICE}Watch` }
const LIST = { path: `${SERVICE}List`, request: HealthListRequest, response: HealthListResponse }

/** The error for a stream without exactly one request, with the text of gRPC's Go server. */
function wrongNumber(received: string): StatusError {
  return new StatusError(
    GRPC_CODE.internal,
    `cardinality violation: received ${received} for non-client-streaming RPC`,
  )
}

/**
 * gRPC's health service. As in etcd it reports the server as a whole, with an empty name, and requires no
 * token.
 */
export function healthService(): Route[] {
  return [
    unary(CHECK, ({ service }) => {
      if (service !== '') throw new StatusError(GRPC_CODE.notFound, 'unknown service')
      return { status: SERVING }
    }),
    unary(LIST, () => ({ statuses: [{ key: '', value: { status: SERVING } }] })),
    duplex(WATCH, (stream) => {
      let isAsked = false
      return {
        receive({ service }) {
          if (isAsked) throw wrongNumber('multiple request messages')
          isAsked = true
          // The status never changes while the server runs.
          stream.send({ status: service === '' ? SERVING : SERVICE_UNKNOWN })
        },
        end() {
          if (!isAsked) stream.fail(wrongNumber('no request message'))
        },
        drain: () => {},
        close: () => {},
      }
    }),
  ]
}
