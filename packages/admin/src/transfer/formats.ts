import { AdminError } from '../errors.ts'

/** Forms of text that a tree is imported from and exported to. */
export type TransferFormat = 'yaml' | 'json' | 'dotenv' | 'etcdctl'

/** All of them. */
export const TRANSFER_FORMATS: readonly TransferFormat[] = ['yaml', 'json', 'dotenv', 'etcdctl']

/** Longer texts are not taken: they do not fit into one transaction by far. */
const MOST_CHARACTERS = 8 * 1024 * 1024

/** @throws AdminError `unreadable` */
export function assertLength(text: string): void {
  if (text.length > MOST_CHARACTERS)
    throw unreadable(`it has ${text.length} characters, more than ${MOST_CHARACTERS}`)
}

const UNREADABLE = 'The text cannot be read: '

/** The error for a text that cannot be read. It never quotes that text, of which any part may be a secret. */
export function unreadable(why: string, remedy = ''): AdminError {
  return new AdminError('unreadable', { what: `${UNREADABLE}${why}`, remedy })
}

/** What an error of `unreadable` says of the text. */
export function whyUnreadable(error: unknown): string {
  const { message } = error as Error
  return message.slice(message.indexOf(UNREADABLE) + UNREADABLE.length)
}
