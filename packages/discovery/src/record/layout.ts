import { refuse } from '../check-options.ts'
import type { Decode } from './endpoint-record.ts'
import { decodeGoZeroRecord, decodeKratosRecord } from './foreign-records.ts'
import { decodeGoRecord } from './go-record.ts'

/** The format of the records that are read. Records are always written in the format of Go's `naming/endpoints`. */
export type Codec = 'go' | 'go-zero' | 'kratos'

/** All codecs. */
export const CODECS = ['go', 'go-zero', 'kratos'] as const satisfies readonly Codec[]

const DECODERS: Record<Codec, Decode> = {
  go: decodeGoRecord,
  'go-zero': decodeGoZeroRecord,
  kratos: decodeKratosRecord,
}

/** Where services are in the store, and how their records are read. */
export interface Layout {
  readonly prefix: string
  readonly codec: Codec
  readonly decode: Decode
}

/**
 * The layout of a prefix, which ends in a slash.
 *
 * @throws DiscoveryError `invalid_option`
 */
export function layoutOf(prefix: string, codec: Codec): Layout {
  if (!prefix.endsWith('/') || !prefix.isWellFormed()) {
    throw refuse(
      'createDiscovery',
      `prefix is ${JSON.stringify(prefix.slice(0, 60))}, not a text that ends in "/"`,
    )
  }
  if (codec === 'go' && prefix.startsWith('/')) {
    const what = `prefix ${JSON.stringify(prefix.slice(0, 60))} starts with a slash, which Go's resolver removes`
    throw refuse('createDiscovery', `${what}: it would look in another place`)
  }
  return { prefix, codec, decode: DECODERS[codec] }
}

/** The prefix of all endpoints of a service. */
export function servicePrefix({ prefix }: Layout, service: string): string {
  return `${prefix}${service}/`
}
