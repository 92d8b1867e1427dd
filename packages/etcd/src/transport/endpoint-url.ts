import { EtcdError } from '../errors.ts'

const DEFAULT_PORT = 2379

function refuse(what: string): EtcdError {
  return new EtcdError('invalid_option', { what, remedy: 'An endpoint looks like http://127.0.0.1:2379.' })
}

/** What of an endpoint may be shown: never what stands before an `@`, with or without a scheme, whatever is in it. */
function shown(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, '$1…@').slice(0, 200)
}

/** `URL.canParse` says yes to some texts of a million letters that `new URL` throws at. */
function urlOf(text: string): URL | undefined {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}

/**
 * One endpoint as a plain URL, `http://host:port`. Without a scheme `isTls` decides, without a port it is 2379.
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
  // A host of dots alone is the root of DNS: nobody sits there.
  if (/^\.*$/.test(url.hostname)) throw refuse(`the endpoint ${shown(text)} names no host`)
  // URL drops the port that is the scheme's own, which for etcd is not the default.
  const given = /:(\d+)\/?$/.exec(full.trim())?.[1]
  const port = url.port !== '' ? url.port : (given ?? String(DEFAULT_PORT))
  if (Number(port) === 0) throw refuse(`the endpoint ${shown(text)} has port 0, where nothing can listen`)
  return `${url.protocol}//${url.hostname}:${port}`
}

/**
 * The endpoints as plain URLs, each once.
 *
 * @throws EtcdError `invalid_option`
 */
export function parseEndpoints(endpoints: unknown, isTls: boolean): string[] {
  const list: unknown[] = Array.isArray(endpoints) ? endpoints : [endpoints]
  if (endpoints === undefined || list.length === 0) throw refuse('no endpoints were given')
  return [...new Set(list.map((each) => parseEndpoint(each, isTls)))]
}
