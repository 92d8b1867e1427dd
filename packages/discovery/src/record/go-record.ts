import { LABEL, WEIGHT } from '../check-options.ts'
import { readAddress } from './endpoint-address.ts'
import {
  DEFAULT_WEIGHT,
  type Decoded,
  type EndpointRecord,
  invalid,
  parseObject,
  PROTOCOLS,
  type Protocol,
} from './endpoint-record.ts'

/** Go's `Op` for an endpoint that is there; any other value means that it is to be removed. */
const ADD = 0

/**
 * Encodes a record as `client/v3/naming/endpoints` of etcd's Go client does: a struct with the fields `Op`, `Addr` and
 * `Metadata`, in this order. What Go does not know is in `Metadata`, as JSON text and not as an object: Go's resolver
 * passes `Metadata` on to grpc-go, which compares it with `==` and panics on a map (grpc-go#8225, etcd#19700).
 */
export function encodeGoRecord(record: EndpointRecord): string {
  const { id, address, protocol, zone, version, weight, isLeaving, labels } = record
  const metadata = JSON.stringify({
    id,
    protocol,
    zone,
    version,
    weight,
    leaving: isLeaving ? true : undefined,
    labels,
  })
  return JSON.stringify({ Op: ADD, Addr: address, Metadata: metadata })
}

/**
 * Decodes a record of Go's layout, with `Metadata` of ours as text or as an object, of another program, or null. Fields
 * of `Metadata` that do not have our meaning are ignored, because other programs may use the same names.
 */
export function decodeGoRecord(name: string, value: string): Decoded {
  const fields = parseObject(value)
  if (fields === undefined) return invalid('the value is not a JSON object')
  if (fields.Op !== undefined && fields.Op !== ADD) return invalid('"Op" is not 0')
  const read = readAddress(fields.Addr)
  if (read.type === 'invalid') return invalid(`"Addr" ${read.problem}`)
  const given = metadataOf(fields.Metadata)
  const record: EndpointRecord = {
    id: textOf(given.id) ?? name,
    address: read.address,
    protocol: isProtocol(given.protocol) ? given.protocol : undefined,
    zone: textOf(given.zone),
    version: textOf(given.version),
    weight: WEIGHT.accepts(given.weight) ? (given.weight as number) : DEFAULT_WEIGHT,
    isLeaving: given.leaving === true,
    labels: given.labels ?? {},
  }
  return { type: 'record', record }
}

function metadataOf(metadata: unknown): Record<string, unknown> {
  if (typeof metadata === 'string') return parseObject(metadata) ?? {}
  return typeof metadata === 'object' && metadata !== null ? (metadata as Record<string, unknown>) : {}
}

function textOf(value: unknown): string | undefined {
  return LABEL.accepts(value) ? (value as string) : undefined
}

function isProtocol(value: unknown): value is Protocol {
  return PROTOCOLS.some((protocol) => protocol === value)
}
