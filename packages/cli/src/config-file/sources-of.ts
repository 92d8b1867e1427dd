import type { Source } from '@livetree/core/source'
import { usageError } from '../errors/cli-error.ts'
import { isLibraryError } from '../errors/library-error.ts'
import type { Definition } from './load-definitions.ts'

/**
 * The sources that a definition names. They are made by code of the user, which may read what is not set here.
 *
 * @throws CliError 64 where that code throws or returns something else; errors of the libraries as they are
 */
export function sourcesOf({ name, sources }: Definition): readonly Source[] {
  let made: unknown
  try {
    made = sources?.() ?? []
  } catch (error) {
    if (isLibraryError(error)) throw error
    const why = error instanceof Error ? error.message : String(error)
    throw usageError(
      `sources() of the definition "${name}" failed: ${why}`,
      'Set what it reads, such as variables of the environment, or correct it.',
    )
  }
  if (Array.isArray(made)) return made as readonly Source[]
  // A promise is refused, and nobody else waits for it.
  if (made instanceof Promise) made.catch(() => {})
  throw usageError(`sources() of the definition "${name}" returns no list`, 'Return [etcd({ … })].')
}
