import { webcrypto } from 'node:crypto'

type Form = 1 | 2

function markOf(form: Form): string {
  return `livetree:encrypted:${form}`
}

/** The second implementation of envelopes, on WebCrypto and by the documentation alone. */
export async function openByWebCrypto(
  key: Uint8Array,
  path: readonly string[],
  envelope: string,
): Promise<string> {
  const [, , form, keyId, payload] = envelope.split(':')
  const content = Buffer.from(payload ?? '', 'base64url')
  const cipher = cipherOf(content.subarray(0, 12), [markOf(Number(form) as Form), keyId ?? '', ...path])
  const text = await webcrypto.subtle.decrypt(cipher, await importKey(key), content.subarray(12))
  return new TextDecoder().decode(text)
}

/** Makes what `makeEnvelope` would, of a given nonce. */
export async function makeByWebCrypto(
  { id, bytes, iv }: { readonly id: string; readonly bytes: Uint8Array; readonly iv: Uint8Array },
  path: readonly string[],
  text: string,
  form: Form = 1,
): Promise<string> {
  const encrypted = await webcrypto.subtle.encrypt(
    cipherOf(iv, [markOf(form), id, ...path]),
    await importKey(bytes),
    Buffer.from(text),
  )
  return `${markOf(form)}:${id}:${Buffer.concat([iv, Buffer.from(encrypted)]).toString('base64url')}`
}

function cipherOf(iv: Uint8Array, bound: readonly string[]) {
  const additionalData = Buffer.from(JSON.stringify(bound))
  return { name: 'AES-GCM', iv: new Uint8Array(iv), additionalData, tagLength: 128 }
}

function importKey(key: Uint8Array) {
  return webcrypto.subtle.importKey('raw', new Uint8Array(key), 'AES-GCM', false, ['encrypt', 'decrypt'])
}
