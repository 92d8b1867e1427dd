import { createHash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { CIPHER, decryptGcm, encryptGcm, IV_BYTES, KEY_BYTES } from '../encryption/aes-gcm.ts'
import { LivetreeError } from '../errors.ts'

/*
 * A file is one line of JSON that says how the rest is to be read, the content, and a trailer that vouches for both:
 * the tag of AES-256-GCM where there is a key, a SHA-256 otherwise. The line is authenticated with the content.
 */
const FORMAT = 1
const CHECK_BYTES = 16
const DIGEST_BYTES = 32
const LINE_FEED = 0x0a
/** About 32 MiB and a tenth of a second: dear for one who tries passphrases, bearable once in a start. */
const SCRYPT = { N: 2 ** 15, r: 8, p: 1, maxmem: 2 ** 26 }

/** How every snapshot begins, in whatever format. */
const MARK = Buffer.from('{"livetree":"snapshot",')
/** The largest number of bytes that a damaged disk may have altered. */
const MOST_ALTERED = 2

interface Header {
  readonly livetree: 'snapshot'
  readonly format: number
  /** `ownerMark` of the configuration's name, which an encrypted file does not show; undefined in files of earlier versions. */
  readonly owner?: string
  readonly cipher: typeof CIPHER | 'none'
  readonly salt?: string
  readonly iv?: string
  /** Tells a wrong key from a damaged file. */
  readonly check?: string
}

/** A key for AES made from what the user gave, and the salt that makes it again. */
export interface DerivedKey {
  readonly salt: Buffer
  readonly key: Buffer
  readonly check: Buffer
}

const scryptAsync = promisify(scrypt) as (
  secret: string | Uint8Array,
  salt: Buffer,
  length: number,
  options: typeof SCRYPT,
) => Promise<Buffer>

/** Derives the encryption key of a snapshot, and the bytes that verify it, from a secret and a salt by scrypt. */
export async function deriveKey(secret: string | Uint8Array, salt = randomBytes(16)): Promise<DerivedKey> {
  const bytes = await scryptAsync(secret, salt, KEY_BYTES + CHECK_BYTES, SCRYPT)
  return { salt, key: bytes.subarray(0, KEY_BYTES), check: bytes.subarray(KEY_BYTES) }
}

/** Where a snapshot is kept that another key was given for. */
export function asideOf(path: string): string {
  return `${path}.locked`
}

/** How many bytes from the beginning of a file `isOurs` and `ownerOf` have to be given, or all there are. */
export const START_BYTES = 1_024

/** Whether a file that begins so may be replaced: one with nothing in it, or a snapshot, be it cut off or damaged. */
export function isOurs(start: Buffer): boolean {
  const isCutOff = start.length < MARK.length
  if (isCutOff && start.toString().trim() === '') return true
  const altered = start.subarray(0, MARK.length).filter((byte, index) => byte !== MARK[index]).length
  return altered <= (isCutOff ? 0 : MOST_ALTERED)
}

/** The mark of the configuration whose file begins so; undefined where it does not say. */
export function ownerOf(start: Buffer): string | undefined {
  try {
    const { owner } = JSON.parse(start.subarray(0, start.indexOf(LINE_FEED)).toString()) as Partial<Header>
    return typeof owner === 'string' ? owner : undefined
  } catch {
    return undefined
  }
}

/** Tells the files of configurations apart by their names. */
export function ownerMark(name: string): string {
  return createHash('sha256').update(name).digest('base64').slice(0, 16)
}

/** Encrypts with a fresh nonce where there is a key; without one, only adds a checksum. `name`: of the configuration. */
export function seal(content: Buffer, name: string, key: DerivedKey | undefined): Buffer {
  const mark = { livetree: 'snapshot', format: FORMAT, owner: ownerMark(name) } as const
  if (key === undefined) {
    const line = lineOf({ ...mark, cipher: 'none' })
    return Buffer.concat([line, content, digest(line, content)])
  }
  const iv = randomBytes(IV_BYTES)
  const line = lineOf({
    ...mark,
    cipher: CIPHER,
    salt: key.salt.toString('base64'),
    iv: iv.toString('base64'),
    check: key.check.toString('base64'),
  })
  return Buffer.concat([line, encryptGcm({ key: key.key, iv, aad: line }, content)])
}

/**
 * Gives back what `seal` was given.
 *
 * @param secret what the user gave as the key; a file that is not encrypted is refused where there is one, since
 *   anybody who can write the file could have put it there
 * @throws LivetreeError `snapshot_damaged`, `snapshot_locked` or `snapshot_outdated`
 */
export async function unseal(
  file: Buffer,
  secret: string | Uint8Array | undefined,
  path: string,
): Promise<Buffer> {
  const end = file.indexOf(LINE_FEED) + 1
  const header = parseHeader(file.subarray(0, end), path)
  const line = file.subarray(0, end)
  if (header.cipher === 'none') {
    if (secret !== undefined) throw locked(path, 'it is not encrypted, but a key is set')
    const content = file.subarray(end, -DIGEST_BYTES)
    const trailer = file.subarray(end).subarray(-DIGEST_BYTES)
    if (!isSame(digest(line, content), trailer)) throw damaged(path, 'it was cut off or altered')
    return content
  }
  if (secret === undefined) throw locked(path, 'it is encrypted, and no key is set')
  const key = await deriveKey(secret, Buffer.from(header.salt ?? '', 'base64'))
  if (!isSame(key.check, Buffer.from(header.check ?? '', 'base64'))) {
    throw locked(path, 'it was encrypted with another key')
  }
  try {
    const iv = Buffer.from(header.iv ?? '', 'base64')
    return decryptGcm({ key: key.key, iv, aad: line }, file.subarray(end))
  } catch {
    throw damaged(path, 'it was cut off or altered')
  }
}

function lineOf(header: Header): Buffer {
  return Buffer.from(`${JSON.stringify(header)}\n`)
}

function parseHeader(line: Buffer, path: string): Header {
  let header: unknown
  try {
    header = JSON.parse(line.toString())
  } catch {
    throw damaged(path, 'it does not begin like a snapshot')
  }
  const { livetree, format, cipher } = (header ?? {}) as Partial<Header>
  if (livetree !== 'snapshot' || typeof format !== 'number')
    throw damaged(path, 'it does not begin like a snapshot')
  if (format !== FORMAT) {
    throw new LivetreeError(
      'snapshot_outdated',
      `The snapshot ${path} has format ${format}, and this version reads format ${FORMAT}. Start once with the sources available.`,
    )
  }
  if (cipher !== 'none' && cipher !== CIPHER) throw damaged(path, 'its cipher is unknown')
  const { salt = '', iv = '', check = '' } = header as Partial<Record<string, unknown>>
  if ([salt, iv, check].some((part) => typeof part !== 'string')) {
    throw damaged(path, 'it does not begin like a snapshot')
  }
  return header as Header
}

function digest(line: Buffer, content: Buffer): Buffer {
  return createHash('sha256').update(line).update(content).digest()
}

function isSame(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other)
}

function damaged(path: string, what: string): LivetreeError {
  return new LivetreeError(
    'snapshot_damaged',
    `The snapshot ${path} cannot be used: ${what}. Delete it to have it written anew.`,
  )
}

function locked(path: string, what: string): LivetreeError {
  return new LivetreeError(
    'snapshot_locked',
    `The snapshot ${path} cannot be opened: ${what}. Give the snapshot.key it was written with, or delete it. Before a new one takes its place, it is kept as ${asideOf(path)}, which that key opens too.`,
  )
}
