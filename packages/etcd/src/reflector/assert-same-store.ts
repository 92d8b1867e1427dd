import { EtcdError } from '../errors.ts'
import type { ContinuityQuestion } from './continuity-question.ts'
import type { RecognitionRequest, StoreRecognizer } from './store-recognizer.ts'

/** What to verify. The question is undefined without evidence: then nothing is asked. */
export type SameStoreRequest = Omit<RecognitionRequest, 'question'> & {
  readonly recognizer: StoreRecognizer
  readonly question: ContinuityQuestion | undefined
}

/**
 * Detects that the store was replaced by one with equal headers between two reads.
 *
 * @throws EtcdError `cluster_changed`; the error of a server that answers no read which identifies the store
 */
export async function assertSameStore({ recognizer, question, ...how }: SameStoreRequest): Promise<void> {
  if (question === undefined) return
  const recognition = await recognizer.recognize({ question, ...how })
  if (recognition.type === 'other') throw twoStores()
  if (recognition.type === 'unproven') throw recognition.error
}

const TWO_STORES = 'the store was replaced while it was listed: the answers do not belong to one store'

/** The error for reads that belong together and come from two stores. */
export function twoStores(cause?: EtcdError): EtcdError {
  return new EtcdError('cluster_changed', { call: 'KV/Range', what: TWO_STORES, cause })
}

/** True for an error of `twoStores`: not for an endpoint that answers for another cluster all the time. */
export function isTwoStores(error: EtcdError): boolean {
  return error.code === 'cluster_changed' && error.what === TWO_STORES
}
