import { usageError } from '../errors/cli-error.ts'

/** `livetree fleet` and `livetree console`, which are not there yet. */
export async function later(): Promise<never> {
  throw usageError('This command comes with a later version', '`livetree help` shows what there is.')
}
