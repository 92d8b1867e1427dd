import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'

const saltBytes = 16
const hashBytes = 32

const derive = (password: string, salt: Buffer): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    scrypt(password, salt, hashBytes, (error, hash) => (error === null ? resolve(hash) : reject(error)))
  })

/** A salted hash to keep in place of the password. etcd uses bcrypt; the two never meet, so Node's own scrypt serves. */
export const hashPassword = async (password: string): Promise<string> => {
  const salt = randomBytes(saltBytes)
  return `${salt.toString('base64')}.${(await derive(password, salt)).toString('base64')}`
}

/** Whether `stored`, made by `hashPassword`, is of this password. */
export const isPassword = async (password: string, stored: string): Promise<boolean> => {
  const [salt = '', hash = ''] = stored.split('.')
  return timingSafeEqual(await derive(password, Buffer.from(salt, 'base64')), Buffer.from(hash, 'base64'))
}
