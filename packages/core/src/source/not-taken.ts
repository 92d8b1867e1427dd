import { SLOW_MS } from './bounded-read.ts'
import type { FileContent } from './read-file.ts'

/** A file that has not stood still for this long is reported, in milliseconds. */
export const RESTLESS_MS = 2_000

/** What is there changes all the time, so that none of it may be whole. */
export function restless(): FileContent {
  const seconds = RESTLESS_MS / 1_000
  const what = `it has been written to without a pause for ${seconds} seconds`
  return content('withheld', 'EBUSY', `${what}. It is taken when it stands still for a moment.`)
}

/** What is there has not been read to its end, and is read on. */
export function slowRead(isPipe: boolean): FileContent {
  const seconds = SLOW_MS / 1_000
  const words = isPipe
    ? `it is a pipe, and what writes to it has not closed it for ${seconds} seconds. It is taken when it is closed, or when a file takes its place.`
    : `reading it has not ended in ${seconds} seconds. It is taken when it ends; look whether its file system answers.`
  return content('withheld', 'ETIMEDOUT', words)
}

/** A file that had something in it has nothing in it now, as one has that is being written. */
export function blank(): FileContent {
  return content(
    'withheld',
    'ENODATA',
    'it is empty. What it held before stays in service until it holds something again.',
  )
}

/** Taking what was read has failed. The words of an error that is not the engine's own may quote the file. */
export function failedTake(thrown: unknown): FileContent {
  const words = thrown instanceof RangeError ? thrown.message : 'an unexpected error'
  return content('failed', 'EUNTAKEN', `its content cannot be taken in: ${words}.`)
}

function content(type: 'withheld' | 'failed', code: string, message: string): FileContent {
  return { type, error: Object.assign(new Error(message), { code }) }
}
