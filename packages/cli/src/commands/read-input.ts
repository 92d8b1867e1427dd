import { isUtf8 } from 'node:buffer'
import { readFile } from 'node:fs/promises'
import { absolutePath } from '@livetree/core/source'
import { usageError } from '../errors/cli-error.ts'
import type { Session } from '../session.ts'

/** More is never meant: a transaction of the store takes 1.5 MiB. */
const MOST_BYTES = 16 * 1024 * 1024

/**
 * The text of a file, or of stdin for `-`.
 *
 * @throws CliError 64 for a file that cannot be read, or is no UTF-8 text
 */
export async function readInput(session: Session, name: string): Promise<string> {
  const what = name === '-' ? 'stdin' : name
  const bytes =
    name === '-' ? await readStdin(session) : await readBytes(absolutePath(name, session.io.cwd), name)
  if (bytes.length > MOST_BYTES)
    throw usageError(`${what} has ${bytes.length} bytes, more than ${MOST_BYTES}`)
  if (!isUtf8(bytes))
    throw usageError(`${what} is no UTF-8 text`, 'A key of a tree holds UTF-8 text; write bytes in base64.')
  return bytes.toString('utf8')
}

async function readBytes(file: string, name: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw usageError(code === 'ENOENT' ? `There is no file ${name}` : `${name} cannot be read: ${message}`)
  }
}

async function readStdin({ io, deadline }: Session): Promise<Buffer> {
  const parts: Buffer[] = []
  let length = 0
  const isTyped = io.stdin.isTTY === true
  if (isTyped) deadline.pause()
  for await (const part of io.stdin) {
    const bytes = Buffer.from(part)
    parts.push(bytes)
    length += bytes.length
    if (length > MOST_BYTES) break
  }
  if (isTyped) deadline.resume()
  return Buffer.concat(parts)
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
