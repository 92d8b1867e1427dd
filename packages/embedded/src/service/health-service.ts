import { message, nested, repeated, string, uint32 } from '@livetree/etcd/wire'
import { duplex, type Route, unary } from '../grpc/service.ts'
import { GRPC_CODE, StatusError } from '../status.ts'

/** `HealthCheckResponse.status` */
const SERVING = 1
const SERVICE_UNKNOWN = 3

const HealthCheckRequest = message('HealthCheckRequest', { service: string(1) })
const HealthCheckResponse = message('HealthCheckResponse', { status: uint32(1) })
const HealthListRequest = message('HealthListRequest', {})
/** An entry of the map from services to their health. */
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

/** A stream with other than the one request it takes, in the words of gRPC's Go server. */
function wrongNumber(received: string): StatusError {
  return new StatusError(
    GRPC_CODE.internal,
    `cardinality violation: received ${received} for non-client-streaming RPC`,
  )
}

/** gRPC's own health service. As in etcd it knows the server as a whole, whose name is empty, and needs no token. */
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
          // The answer never changes while the server is there.
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
