import { constants, openSync } from 'node:fs'
import { open, realpath, stat } from 'node:fs/promises'
import { Socket } from 'node:net'
import { fileId, type ReadAttempt } from './bounded-read.ts'

/** More than any configuration; what is larger was not meant to be one, and reading it would stall the process. */
export const MAX_FILE_BYTES = 16 * 2 ** 20

/** What is at a path, right now. */
export type FileContent =
  | { readonly type: 'bytes'; readonly bytes: Uint8Array }
  | { readonly type: 'missing'; readonly error: Error }
  | { readonly type: 'failed'; readonly error: Error }
  /** There will be something, or was: what was read before stays. */
  | { readonly type: 'withheld'; readonly error: Error }

/** The result of reading a path: its content, and which file it was read from. */
export interface FoundFile {
  readonly content: FileContent
  /** Names the file itself, whatever is in it and wherever it is moved; undefined where there is none. */
  readonly id: string | undefined
  /** When it was written last, ms since the epoch; undefined where there is no file. */
  readonly writtenAt: number | undefined
  /** Can be read once only: a pipe. */
  readonly isOnce: boolean
  /** Another file can take its place at the path; false for what only a number of this process stands for (`/dev/fd/63`). */
  readonly hasName: boolean
}

const NO_FILE = { id: undefined, writtenAt: undefined } as const

const CHUNK_BYTES = 64 * 1024

/** Reads what is at a path. Holds no thread for a pipe, and stops reading it when the signal fires. Never rejects. */
export async function readFound(path: string, attempt: ReadAttempt): Promise<FoundFile> {
  try {
    const before = await stat(path)
    attempt.found = { id: fileId(before), isPipe: before.isFIFO() }
    if (before.isFIFO()) return { ...(await readPipe(path, attempt.signal)), ...NO_FILE }
    return await readRegular(path)
  } catch (thrown) {
    const error = thrown as NodeJS.ErrnoException
    const type = error.code === 'ENOENT' || error.code === 'ENOTDIR' ? 'missing' : 'failed'
    return { content: { type, error }, ...NO_FILE, isOnce: false, hasName: true }
  }
}

async function readRegular(path: string): Promise<FoundFile> {
  // should it be a pipe by now, opening it must not wait for who writes to it
  const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  try {
    const before = await handle.stat()
    if (before.isDirectory()) throw withCode('EISDIR', 'it is a directory')
    const chunks: Uint8Array[] = []
    let total = 0
    for (;;) {
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES)
      if (bytesRead === 0) break
      total += bytesRead
      if (total > MAX_FILE_BYTES) throw tooLarge()
      chunks.push(buffer.subarray(0, bytesRead))
    }
    const after = await handle.stat()
    return {
      content: { type: 'bytes', bytes: Buffer.concat(chunks) },
      id: fileId(after),
      writtenAt: Math.max(before.mtimeMs, after.mtimeMs),
      isOnce: !before.isFile(),
      hasName: true,
    }
  } finally {
    await handle.close()
  }
}

/** Until those who write to it have closed it: `<(sops -d secrets.yaml)`, `/dev/stdin`, a named pipe. */
async function readPipe(path: string, signal: AbortSignal): Promise<Omit<FoundFile, keyof typeof NO_FILE>> {
  const bytes = await drain(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), signal)
  const hasName = await isNamed(path)
  if (bytes.length > 0) return { content: { type: 'bytes', bytes }, isOnce: true, hasName }
  // nobody can write any more to one that has no name
  const error = withCode(
    'EPIPE',
    hasName
      ? 'it is a pipe, and nothing has been written to it yet'
      : 'it is a pipe that gave nothing: look whether the command that writes to it failed.',
  )
  const type = hasName ? 'withheld' : 'failed'
  return { content: { type, error }, isOnce: !hasName, hasName }
}

/** Whether a path names what is there by a place in a directory, and not by the number it has in this process. */
export async function isNamed(path: string): Promise<boolean> {
  const place = await realpath(path).catch(() => undefined)
  return place !== undefined && !/^\/(dev\/fd|proc)\//.test(place)
}

function drain(fd: number, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = new Socket({ fd, readable: true, writable: false, signal })
    const chunks: Buffer[] = []
    let total = 0
    socket.on('data', (chunk: Buffer) => {
      total += chunk.length
      if (total > MAX_FILE_BYTES) socket.destroy(tooLarge())
      else chunks.push(chunk)
    })
    socket.on('end', () => resolve(Buffer.concat(chunks)))
    socket.on('error', reject)
    socket.on('close', () => reject(withCode('ECANCELED', 'it was not read to its end')))
  })
}

function tooLarge(): Error {
  return withCode('EFBIG', `it is larger than ${MAX_FILE_BYTES / 2 ** 20} MB. Is it the right file?`)
}

function withCode(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}

const GIVE_ANOTHER = 'Give a file or a pipe: `node app.js < config.yaml`, `cat config.yaml | node app.js`.'

/** Why a file cannot be read, and what to do. */
export function reasonOf(error: Error): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'there is no such file. Create it, correct the path, or set { optional: true }.'
    case 'EACCES':
    case 'EPERM':
      return 'this process may not read it. Change its permissions.'
    case 'EISDIR':
      return 'it is a directory. Give the path of a file in it.'
    // As /dev/stdin is in the child of a Node process.
    case 'ENXIO':
      return `it is a socket, which no path can open. ${GIVE_ANOTHER}`
    // Opened so that it holds no thread, and nothing is typed yet.
    case 'EAGAIN':
      return `it is a terminal, from which nothing is read. ${GIVE_ANOTHER}`
    default:
      return error.message
  }
}
