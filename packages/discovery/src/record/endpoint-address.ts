import { BlockList, isIP } from 'node:net'

/** An address in its one spelling, or what is wrong with the text: `is not host:port`. */
export type ReadAddress =
  | { readonly type: 'address'; readonly address: string }
  | { readonly type: 'invalid'; readonly problem: string }

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8)
LOOPBACK.addAddress('::1', 'ipv6')

/**
 * Reads `host:port`: a host that others can reach and a URL accepts, and a port from 1 to 65535. Several spellings of one
 * address give the same one: that of URLs.
 */
export function readAddress(text: unknown): ReadAddress {
  const [, given = '', port] = (typeof text === 'string' && /^(.{1,290}):(\d{1,5})$/.exec(text)) || []
  const bare = /^\[([0-9a-fA-F:.]+)\]$/.exec(given)?.[1]
  const isBracketed = bare !== undefined
  const hostText = bare ?? given
  const host = hostText.includes(':') === isBracketed ? canonicalHost(hostText) : undefined
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535)
    return { type: 'invalid', problem: 'is not host:port' }
  if (isUnspecified(host)) return { type: 'invalid', problem: UNSPECIFIED }
  return { type: 'address', address: `${isIP(host) === 6 ? `[${host}]` : host}:${Number(port)}` }
}

/** What is wrong with an unspecified address. */
export const UNSPECIFIED = 'is the unspecified address, at which each host reaches itself'

/**
 * A host as URLs spell it, without brackets; undefined if it is none. `127.1` is `127.0.0.1`, `Localhost` is `localhost`, and an
 * IPv4 address in an IPv6 one is the IPv4 address.
 */
export function canonicalHost(host: string): string | undefined {
  if (!/^[A-Za-z0-9_.:-]+$/.test(host)) return undefined
  const url = `http://${host.includes(':') ? `[${host}]` : host}`
  if (!URL.canParse(url)) return undefined
  const { hostname } = new URL(url)
  const bare = hostname.replace(/^\[|\]$/g, '')
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(bare) ?? []
  return high === undefined || low === undefined ? bare : [...bytesOf(high), ...bytesOf(low)].join('.')
}

/** True for the address that stands for every address of a host. `host` is canonical. */
export function isUnspecified(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

/** True for an address or a name of the own host. `host` is canonical. */
export function isLoopback(host: string): boolean {
  const family = isIP(host)
  if (family === 0) return /(?:^|\.)localhost\.?$/.test(host)
  return LOOPBACK.check(host, family === 6 ? 'ipv6' : 'ipv4')
}

function bytesOf(group: string): number[] {
  const value = Number.parseInt(group, 16)
  return [value >> 8, value & 255]
}
