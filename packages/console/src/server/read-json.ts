import { Refusal } from '../security/refusal.ts'
import { assertJson } from '../security/request-guard.ts'

/** The most bytes of a request's body. */
const MOST_BODY = 2 * 1024 * 1024

/** The body of a request. @throws Refusal 415 for another type, 413 for a larger one, 400 for one that cannot be read */
export async function readJson(request: Request): Promise<unknown> {
  assertJson(request.headers)
  if (Number(request.headers.get('content-length') ?? 0) > MOST_BODY) throw tooLarge()
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of request.body ?? []) {
    bytes += part.byteLength
    if (bytes > MOST_BODY) throw tooLarge()
    parts.push(part)
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts)))
  } catch {
    throw new Refusal(400, 'bad_request', 'The body is not JSON.')
  }
}

function tooLarge(): Refusal {
  return new Refusal(413, 'too_large', `A request may have at most ${MOST_BODY} bytes.`)
}
