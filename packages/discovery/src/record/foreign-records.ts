import { LABEL } from '../check-options.ts'
import { readAddress } from './endpoint-address.ts'
import { type Decoded, invalid, parseObject, plainRecord, type Protocol } from './endpoint-record.ts'

/** Decodes what go-zero's publisher writes: the key ends in the lease, the value is `host:port`. */
export function decodeGoZeroRecord(name: string, value: string): Decoded {
  if (!/^\d+$/.test(name)) return invalid('the last part of the key is not a lease in decimal')
  const read = readAddress(value)
  if (read.type === 'invalid') return invalid(`the value ${read.problem}`)
  return { type: 'record', record: plainRecord(name, read.address) }
}

/** Kratos' schemes, preferred ones first. */
const KRATOS_PROTOCOLS: readonly Protocol[] = ['http', 'grpc']

/**
 * Decodes what kratos' registry writes: JSON with `endpoints` such as `http://10.0.0.1:8000?isSecure=false`. Of several,
 * the first with HTTP is used, otherwise the first with gRPC.
 */
export function decodeKratosRecord(name: string, value: string): Decoded {
  const fields = parseObject(value)
  if (fields === undefined) return invalid('the value is not a JSON object')
  if (!Array.isArray(fields.endpoints)) return invalid('"endpoints" is not a list')
  const urls = fields.endpoints.flatMap((text: unknown) =>
    typeof text === 'string' && URL.canParse(text) ? [new URL(text)] : [],
  )
  for (const scheme of KRATOS_PROTOCOLS) {
    const url = urls.find(({ protocol }) => protocol === `${scheme}:`)
    const read = readAddress(url === undefined ? undefined : addressOf(url))
    if (url === undefined || read.type === 'invalid') continue
    const isSecure = url.searchParams.get('isSecure') === 'true'
    const { metadata, version } = fields
    return {
      type: 'record',
      record: {
        ...plainRecord(name, read.address),
        protocol: scheme === 'http' && isSecure ? 'https' : scheme,
        version: LABEL.accepts(version) ? (version as string) : undefined,
        labels: metadata ?? {},
      },
    }
  }
  return invalid('"endpoints" has no http:// or grpc:// address with a port that others reach')
}

/** `host:port`; URLs omit the default port of HTTP. */
function addressOf({ protocol, hostname, port }: URL): string | undefined {
  if (port !== '') return `${hostname}:${port}`
  return protocol === 'http:' ? `${hostname}:80` : undefined
}
