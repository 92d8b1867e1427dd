import { errorCodes, EtcdError } from '../../packages/etcd/src/index.ts'
import { LivetreeError } from '../../packages/core/src/index.ts'
import { livetreeErrorCodes } from '../../packages/core/src/tools/index.ts'

/** The error a function throws, which has to be one of ours with a code from the table; undefined when it throws none. */
export function definedError(run: () => unknown): EtcdError | LivetreeError | undefined {
  try {
    run()
  } catch (error) {
    return assertDefined(error)
  }
  return undefined
}

/** Throws, with what it is instead, when an error is none of ours. */
export function assertDefined(error: unknown): EtcdError | LivetreeError {
  const isEtcd = isA(EtcdError, error) && Object.hasOwn(errorCodes, error.code)
  const isOurs = isEtcd || (isA(LivetreeError, error) && Object.hasOwn(livetreeErrorCodes, error.code))
  if (!isOurs) throw new Error('an error that no table knows', { cause: error })
  if (error.code === 'internal') throw new Error('a defect, by its own word', { cause: error })
  const issues = isA(LivetreeError, error) ? error.issues.length : 0
  if (error.message.length > 20_000 + issues * 10_000)
    throw new Error(`a message of ${error.message.length} characters`)
  return error
}

/** Also where the package was built, and its class is another one of the same name. */
function isA<T extends Error>(type: abstract new (...args: never[]) => T, error: unknown): error is T {
  return error instanceof Error && error.constructor.name === type.name
}
