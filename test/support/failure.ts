import { EtcdError } from '@livetree/etcd'

/** The EtcdError that a promise rejects with. Throws what else it rejects with, and if it resolves. */
export async function failure(promise: Promise<unknown>): Promise<EtcdError> {
  const error: unknown = await promise.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  )
  if (error instanceof EtcdError) return error
  throw error
}
