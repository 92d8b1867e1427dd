import { isIP } from 'node:net'
import { Refusal } from './refusal.ts'

/** Names that lead to this machine alone. */
const LOOPBACK: readonly string[] = ['localhost', '127.0.0.1', '[::1]']

/** Whether an address to listen at, or the host of a request, is reached from this machine alone. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.includes(host) || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

/**
 * Refuses requests for a host that is not served: a page of another site whose name leads here (DNS rebinding) would have its own
 * name in them.
 *
 * @param hosts names without a port; undefined: every one
 * @throws Refusal 421
 */
export function assertHost(host: string | null, hosts: readonly string[] | undefined): void {
  if (hosts === undefined) return
  const name = nameOf(host ?? '')
  if (isLoopback(name) || isNamed(name, hosts)) return
  throw new Refusal(421, 'foreign_host', 'This host is not served. Name it in `hosts` if that is meant.')
}

function nameOf(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, '')
}

/**
 * Refuses requests that a page of another site sends. Browsers say with `Sec-Fetch-Site` who sends one, which is also right behind a
 * proxy that changes the host; older ones, and all on plain HTTP, say the origin. That has the host of the request, or one of the
 * named ones.
 *
 * @param hosts names without a port; undefined: none is named
 * @throws Refusal 403
 */
export function assertOrigin(headers: Headers, hosts: readonly string[] | undefined): void {
  const site = headers.get('sec-fetch-site')
  if (site === 'same-origin' || site === 'none') return
  const origin = headers.get('origin')
  if (site === null && (origin === null || isOwn(originHost(origin), headers.get('host'), hosts))) return
  throw new Refusal(
    403,
    'foreign_origin',
    'Pages of other sites may not use the console. Behind a proxy: use TLS, have it pass the Host on, or name in `hosts` where pages find it.',
  )
}

function isOwn(
  origin: string | undefined,
  host: string | null,
  hosts: readonly string[] | undefined,
): boolean {
  return origin !== undefined && (origin === host || isNamed(nameOf(origin), hosts))
}

function isNamed(name: string, hosts: readonly string[] | undefined): boolean {
  return hosts?.some((allowed) => allowed.toLowerCase() === name) === true
}

function originHost(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined
}

/** @throws Refusal 415 */
export function assertJson(headers: Headers): void {
  const type = (headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/json')
    throw new Refusal(415, 'not_json', 'The body must be JSON, with Content-Type: application/json.')
}
