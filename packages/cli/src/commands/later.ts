import { usageError } from '../errors/cli-error.ts'

/** `livetree console`, which is not there yet. */
export async function later(): Promise<never> {
  throw usageError('This command comes with a later version', '`livetree help` shows what there is.')
}
