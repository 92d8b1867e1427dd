import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { ETCD_ERROR } from '../status.ts'

const SALT_BYTES = 16
const HASH_BYTES = 32
/** bcrypt's limit, and therefore etcd's. */
const MAX_PASSWORD_BYTES = 72

function derive(password: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, HASH_BYTES, (error, hash) => (error === null ? resolve(hash) : reject(error)))
  })
}

/**
 * Hashes a password with a salt; rejects with `passwordTooLong`. etcd uses bcrypt; since the hashes are never
 * exchanged, Node's scrypt is used here.
 */
export async function hashPassword(password: string): Promise<string> {
  if (Buffer.byteLength(password) > MAX_PASSWORD_BYTES) throw ETCD_ERROR.passwordTooLong()
  const salt = randomBytes(SALT_BYTES)
  return `${salt.toString('base64')}.${(await derive(password, salt)).toString('base64')}`
}

/** A hash that matches no password: etcd 3.5 stores it when a password is changed to an empty one. */
export const UNUSABLE_HASH = ''

/** True if `stored`, created by `hashPassword`, matches the password. */
export async function isPassword(password: string, stored: string): Promise<boolean> {
  if (stored === UNUSABLE_HASH) return false
  const [salt = '', hash = ''] = stored.split('.')
  return timingSafeEqual(await derive(password, Buffer.from(salt, 'base64')), Buffer.from(hash, 'base64'))
}
