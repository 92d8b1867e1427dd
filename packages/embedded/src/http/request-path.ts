import { posix } from 'node:path'

/** Scheme and host of a URL; a request may name them before its path. */
const ORIGIN = /^https?:\/\/[^/?]*/i
const BAD_ESCAPE = /%(?![0-9a-fA-F]{2})/

/** Where a request goes. */
export type RequestPath =
  | { readonly type: 'path'; readonly path: string }
  /** The path is spelled in another way than it is served under. */
  | { readonly type: 'moved'; readonly location: string }
  | { readonly type: 'unreadable' }

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // No page has a path that is not UTF-8.
    return Buffer.from(text).toString('latin1')
  }
}

/**
 * The path of a request's URL like that of Go's HTTP server: decoded, without its query. Paths with dots, empty parts or
 * the gateway's root without a slash are moved to where they lead. etcd serves `/v3beta` under `/v3`.
 */
export function requestPath(url: string): RequestPath {
  const [raw = '', ...query] = url.replace(ORIGIN, '').split('?')
  if (BAD_ESCAPE.test(raw)) return { type: 'unreadable' }
  const path = decoded(raw).replace(/^\/v3beta\//, '/v3/')
  const clean = path === '/v3' ? '/v3/' : posix.normalize(`/${path}`)
  if (clean === path) return { type: 'path', path }
  const search = query.length === 0 ? '' : `?${query.join('?')}`
  return { type: 'moved', location: encodeURI(clean) + search }
}
