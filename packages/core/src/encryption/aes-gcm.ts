import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto'

/** The one cipher of livetree: what it encrypts cannot be altered without notice. */
export const CIPHER = 'aes-256-gcm'
/** Length of a key. */
export const KEY_BYTES = 32
/** Length of a nonce, which must be another one for each content that is encrypted with a key. */
export const IV_BYTES = 12
/** Length of the tag at the end of what is encrypted. */
export const TAG_BYTES = 16

/** A key with the nonce and the data that are authenticated with the content and not part of it. */
export interface GcmParts {
  readonly key: KeyObject | Buffer
  readonly iv: Buffer
  readonly aad: Buffer
}

/** Encrypts with AES-256-GCM; the tag stands at the end. */
export function encryptGcm({ key, iv, aad }: GcmParts, content: Buffer): Buffer {
  const cipher = createCipheriv(CIPHER, key, iv).setAAD(aad)
  return Buffer.concat([cipher.update(content), cipher.final(), cipher.getAuthTag()])
}

/** Gives back what `encryptGcm` was given. @throws Error when key, nonce, data or content are others, or cut off */
export function decryptGcm({ key, iv, aad }: GcmParts, encrypted: Buffer): Buffer {
  const end = encrypted.length - TAG_BYTES
  const decipher = createDecipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES })
  decipher.setAAD(aad).setAuthTag(encrypted.subarray(Math.max(end, 0)))
  return Buffer.concat([decipher.update(encrypted.subarray(0, Math.max(end, 0))), decipher.final()])
}
