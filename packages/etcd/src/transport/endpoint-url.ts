import { EtcdError } from '../errors.ts'

const DEFAULT_PORT = 2379

function refuse(what: string): EtcdError {
  return new EtcdError('invalid_option', { what, remedy: 'An endpoint looks like http://127.0.0.1:2379.' })
}

/**
 * The part of an endpoint that may be shown in errors: never what precedes an `@`, with or without a scheme.
 */
function shown(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, '$1…@').slice(0, 200)
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
