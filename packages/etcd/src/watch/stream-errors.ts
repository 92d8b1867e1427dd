import { EtcdError } from '../errors.ts'
import type { ClusterChange } from './watch-handlers.ts'

/** The error for a server that sends nothing any more. */
export function silentError(endpoint: string): EtcdError {
  return new EtcdError('connection_lost', {
    call: 'Watch/Watch',
    endpoint,
    what: 'the server did not answer on the watch stream in time, so the stream was closed',
  })
}

/** The error for a server that does not answer a request for a watch. */
export function unansweredError(endpoint: string): EtcdError {
  return new EtcdError('connection_lost', {
    call: 'Watch/Watch',
    endpoint,
    what: 'the server did not answer the request for a watch in time, so the stream was closed',
  })
}

/** The error for a server that sends messages but no progress. */
export function noProgressError(endpoint: string): EtcdError {
  return new EtcdError('connection_lost', {
    call: 'Watch/Watch',
    endpoint,
    what: 'the server no longer answers progress requests on the watch stream, so the stream was closed',
  })
}

/** The error for an answer with the id of another watch, or of no watch. */
export function misdirectedError(what: string, watchId: number): EtcdError {
  const owner = watchId < 0 ? 'no watch has' : 'another watch of the stream has'
  return new EtcdError('malformed_message', {
    call: 'Watch/Watch',
    what: `the server sent ${what} with the id ${watchId}, which ${owner}`,
  })
}

/** The error for callers that wait on a cancelled watch. */
export function cancelledError(): EtcdError {
  return new EtcdError('cancelled', { call: 'Watch/Watch' })
}

/**
 * The error for a watch whose history is compacted. A `compactRevision` of 0 means that the server did not
 * report it.
 */
export function compactedError(compactRevision: number, position: number): EtcdError {
  const at = compactRevision > 0 ? ` at revision ${compactRevision}` : ''
  return new EtcdError('compacted', {
    call: 'Watch/Watch',
    what: `the store is compacted${at}; changes from revision ${position} on may be gone`,
    compactRevision: compactRevision > 0 ? compactRevision : undefined,
  })
}

/** The error for a watch whose store is another one, or cannot be verified. */
export function clusterChangedError(reason: ClusterChange['reason']): EtcdError {
  return new EtcdError('cluster_changed', { call: 'Watch/Watch', what: CLUSTER_CHANGES[reason] })
}

const CLUSTER_CHANGES: Record<ClusterChange['reason'], string> = {
  history_differs: 'the content of the store at a known revision has changed: it was replaced or restored',
  cluster_id: 'the endpoint now belongs to another cluster',
  revision_went_back: 'the store is at a lower revision than it was: it was restored from a backup',
  term_went_back: 'the store is in an earlier term than it was: it was restored from a backup',
  unproven: 'the server refuses the reads that would show whether the store is still the same',
}
