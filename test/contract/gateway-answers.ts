import { ask, type HttpAnswer, normalized } from './http-client.ts'

/** What is compared of an answer. */
export interface Outcome {
  readonly status: number
  readonly location: string
  readonly allowed: string
  readonly body: unknown
}

/** Where the gateway of embedded is not that of the real etcd on purpose. */
export const keptDifferences = {
  errorForms:
    'Errors have `error` as in etcd 3.4 and the releases of 3.5, and `code` and `message` as in all; lines of streams alike.',
  numbersInText:
    'Text behind a number in a string, as in "1 x", is refused; that version of the gateway looks at the number alone.',
  loneSurrogates: 'The words for half of a surrogate pair do not repeat the text behind it.',
  firstMessage: 'A stream whose first message is unreadable is refused, where etcd 3.5 is silent.',
  earlyLines: 'Over HTTP/1.1 a stream is answered before the end of its request, too.',
  noBrowserBridge: 'WebSockets and X-HTTP-Method-Override are left out.',
} as const

/** True for a gateway of the second version, which words errors of JSON as embedded does. Releases of 3.5 have the first. */
export const isNewGateway = async (endpoint: string): Promise<boolean> => {
  const { body } = await ask(endpoint, { path: '/v3/kv/range', body: '{"key":5}' })
  return body.includes('proto:')
}

/** The text of an error: some builds separate words by a space that does not break. */
const words = (message: unknown): string =>
  String(message)
    .replaceAll('\u00a0', ' ')
    .replace(/invalid escape code ".*" in string|unexpected EOF$/, 'invalid escape code in string')

/** The parts to compare; `isNew` says whether the words and statuses of the gateway itself are those of embedded. */
export const outcomeOf = ({ status, headers, body }: HttpAnswer, isNew: boolean): Outcome => {
  const { location, 'access-control-allow-origin': allowed } = headers
  const shared = { location: String(location), allowed: String(allowed) }
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    return { status: isNew ? status : oldStatus(status), ...shared, body: isNew ? body : body.length > 0 }
  }
  const { code, message } = value as { code?: number; message?: string }
  if (code === undefined) return { status, ...shared, body: normalized(value) }
  if (isNew) return { status, ...shared, body: { code, message: words(message) } }
  // The first gateway answers in plain text what the second says as JSON, and has other words for what is no JSON.
  const isFromStore = message?.startsWith('etcdserver:') === true
  return {
    status: oldStatus(status),
    ...shared,
    body: isFromStore ? { code, message } : true,
  }
}

/** One status for those that the first gateway has in place of another: for a failed precondition, and a wrong method. */
const oldStatus = (status: number): number => ({ 412: 400, 405: 501 })[status] ?? status
