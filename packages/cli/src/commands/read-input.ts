import { isUtf8 } from 'node:buffer'
import { createReadStream } from 'node:fs'
import { absolutePath } from '@livetree/core/source'
import { usageError } from '../errors/cli-error.ts'
import type { Session } from '../session.ts'

/** More is never meant: a transaction of the store takes 1.5 MiB. */
const MOST_BYTES = 16 * 1024 * 1024

/**
 * The text of a file, or of stdin for `-`. A stdin without a byte is what a command leaves that failed before the `|`.
 *
 * @throws CliError 64 for a file that cannot be read, is too long or is no UTF-8 text, and for an empty stdin
 */
export async function readInput(session: Session, name: string): Promise<string> {
  const what = name === '-' ? 'stdin' : name
  const bytes =
    name === '-' ? await readStdin(session) : await readBytes(absolutePath(name, session.io.cwd), name)
  if (bytes.length > MOST_BYTES) throw usageError(`${what} has more than ${MOST_BYTES} bytes`)
  if (bytes.length === 0 && name === '-')
    throw usageError(
      'stdin is empty: the command before may have failed',
      "Nothing was written. If an empty text is meant, give a line break: echo | livetree …, or ''.",
    )
  if (!isUtf8(bytes))
    throw usageError(`${what} is no UTF-8 text`, 'A key of a tree holds UTF-8 text; write bytes in base64.')
  return bytes.toString('utf8')
}

async function readBytes(file: string, name: string): Promise<Buffer> {
  try {
    // One byte more than is taken: some files, such as /dev/zero, have no end.
    return await read(createReadStream(file, { end: MOST_BYTES }))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw usageError(`There is no file ${name}`)
    throw usageError(
      `${name} cannot be read: ${message}`,
      code === 'ENXIO' ? 'It is a socket: give - for stdin, or a file.' : undefined,
    )
  }
}

/** What a stream has, as far as more than is taken. */
async function read(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of stream) {
    const bytes = Buffer.from(part)
    parts.push(bytes)
    length += bytes.length
    if (length > MOST_BYTES) break
  }
  return Buffer.concat(parts)
}

async function readStdin({ io, deadline }: Session): Promise<Buffer> {
  const isTyped = io.stdin.isTTY === true
  if (isTyped) deadline.pause()
  const bytes = await read(io.stdin)
  if (isTyped) deadline.resume()
  return bytes
}

/** A value of the command line. */
export interface GivenValue {
  readonly text: string
  /** It was an argument, which other users of the machine and the history of the shell can read. */
  readonly isArgument: boolean
}

/**
 * The value that an argument stands for: itself; the text of a file, `@FILE`, or of stdin, `-`, without one line break at its
 * end; `@@` is one `@`.
 *
 * @throws CliError 64 as `readInput`
 */
export async function readValue(session: Session, argument: string): Promise<GivenValue> {
  if (argument.startsWith('@@')) return { text: argument.slice(1), isArgument: true }
  const isFile = argument.startsWith('@')
  if (!isFile && argument !== '-') return { text: argument, isArgument: true }
  const text = await readInput(session, isFile ? argument.slice(1) : '-')
  return { text: text.replace(/\r?\n$/, ''), isArgument: false }
}
