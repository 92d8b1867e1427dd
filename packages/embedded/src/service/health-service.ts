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
          // One question, whose answer never changes while the server is there.
          if (!isAsked) stream.send({ status: service === '' ? SERVING : SERVICE_UNKNOWN })
          isAsked = true
        },
        end: () => {},
        drain: () => {},
        close: () => {},
      }
    }),
  ]
}
