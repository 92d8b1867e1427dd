import { EtcdError } from '../errors.ts'

const DEFAULT_PORT = 2379

function refuse(what: string): EtcdError {
  return new EtcdError('invalid_option', { what, remedy: 'An endpoint looks like http://127.0.0.1:2379.' })
}

/** In characters. */
const MOST_SHOWN = 200

/**
 * Shows the scheme, host and port of a refused endpoint. Whatever else is in it may be a secret: a user name, a password,
 * a path or a query with a token. An `@` may end a password that is full of slashes, so nothing before it is shown.
 */
function shown(text: string): string {
  const [, scheme = '', rest = ''] = /^([a-z][a-z0-9+.-]*:\/\/)?(.*)$/is.exec(text.trim()) ?? []
  const at = rest.indexOf('@')
  const authority = rest.slice(at + 1)
  // A second `@`, or a slash before the first, leaves it open which part is the host.
  if (at !== -1 && (/[/?#\\]/.test(rest.slice(0, at)) || authority.includes('@'))) return `${scheme}…@…`
  const [place = ''] = /^(?:\[[\da-f:.%]*\]|[\w.-]+)?(?::\d{1,5}(?![^/?#]))?/i.exec(authority) ?? []
  const isAll = place.length === authority.length || authority.slice(place.length) === '/'
  return `${scheme}${at === -1 ? '' : '…@'}${place}${isAll ? '' : '…'}`.slice(0, MOST_SHOWN)
}

/** `URL.canParse` accepts some very long texts for which `new URL` throws. */
function urlOf(text: string): URL | undefined {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}

/**
 * Normalizes an endpoint to a plain URL, `http://host:port`. Without a scheme `isTls` decides; the default
 * port is 2379.
 *
 * @throws EtcdError `invalid_option`
 */
export function parseEndpoint(text: unknown, isTls: boolean): string {
  if (typeof text !== 'string' || text.trim() === '') throw refuse('an endpoint is empty or no text')
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `${isTls ? 'https' : 'http'}://${text}`
  const url = urlOf(full)
  if (url === undefined) throw refuse(`the endpoint ${shown(text)} is not a URL`)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw refuse(`the endpoint ${shown(text)} begins with ${url.protocol}//, not http:// or https://`)
  }
  if (url.username !== '' || url.password !== '') {
    throw refuse(`the endpoint ${shown(text)} holds a user name or password; give them as auth`)
  }
  if ((url.pathname !== '' && url.pathname !== '/') || url.search !== '' || url.hash !== '') {
    throw refuse(`the endpoint ${shown(text)} has more than a host and a port`)
  }
  // A host of dots only is the DNS root, which has no address.
  if (/^\.*$/.test(url.hostname)) throw refuse(`the endpoint ${shown(text)} names no host`)
  // URL omits the port that is the scheme's default, which is not etcd's default.
  const given = /:(\d+)\/?$/.exec(full.trim())?.[1]
  const port = url.port !== '' ? url.port : (given ?? String(DEFAULT_PORT))
  if (Number(port) === 0) throw refuse(`the endpoint ${shown(text)} has port 0, where nothing can listen`)
  return `${url.protocol}//${url.hostname}:${port}`
}

/**
 * Normalizes the endpoints to plain URLs without duplicates.
 *
 * @throws EtcdError `invalid_option`
 */
export function parseEndpoints(endpoints: unknown, isTls: boolean): string[] {
  const list: unknown[] = Array.isArray(endpoints) ? endpoints : [endpoints]
  if (endpoints === undefined || list.length === 0) throw refuse('no endpoints were given')
  return [...new Set(list.map((each) => parseEndpoint(each, isTls)))]
}
