import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { etcdError } from '../status.ts'

const saltBytes = 16
const hashBytes = 32
/** What bcrypt takes, and so etcd. */
const MAX_PASSWORD_BYTES = 72

const derive = (password: string, salt: Buffer): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    scrypt(password, salt, hashBytes, (error, hash) => (error === null ? resolve(hash) : reject(error)))
  })

/** A salted hash to keep in place of the password; rejects with `passwordTooLong`. etcd uses bcrypt; the two never meet, so Node's own scrypt serves. */
export const hashPassword = async (password: string): Promise<string> => {
  if (Buffer.byteLength(password) > MAX_PASSWORD_BYTES) throw etcdError.passwordTooLong()
  const salt = randomBytes(saltBytes)
  return `${salt.toString('base64')}.${(await derive(password, salt)).toString('base64')}`
}

/** Whether `stored`, made by `hashPassword`, is of this password. */
export const isPassword = async (password: string, stored: string): Promise<boolean> => {
  const [salt = '', hash = ''] = stored.split('.')
  return timingSafeEqual(await derive(password, Buffer.from(salt, 'base64')), Buffer.from(hash, 'base64'))
}
