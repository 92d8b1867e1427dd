import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

/** A random token of 256 bits. */
export function newToken(): string {
  return randomBytes(32).toString('base64url')
}

/** Whether `Authorization` has the token. Takes as long for a wrong one as for the right one. */
export function hasToken(headers: Headers, token: string): boolean {
  const given = /^Bearer +([\w.~+/=-]+)$/i.exec(headers.get('authorization') ?? '')?.[1]
  return given !== undefined && timingSafeEqual(digestOf(given), digestOf(token))
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
