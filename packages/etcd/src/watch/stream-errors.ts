import { EtcdError } from '../errors.ts'
import type { ClusterChange } from './watch-handlers.ts'

/** The error for a server that says nothing any more. */
export function silentError(endpoint: string): EtcdError {
  return new EtcdError('connection_lost', {
    call: 'Watch/Watch',
    endpoint,
    what: 'the server did not answer on the watch stream in time, which was cut',
  })
}

/** The error for a server that speaks, but of no progress. */
export function unansweredError(endpoint: string): EtcdError {
  return new EtcdError('connection_lost', {
    call: 'Watch/Watch',
    endpoint,
    what: 'the server no longer answers progress requests on the watch stream, which is opened anew',
  })
}

/** The error for who waits on a watch that was cancelled. */
export function cancelledError(): EtcdError {
  return new EtcdError('cancelled', { call: 'Watch/Watch' })
}

/** The error for a watch whose history is gone. `compactRevision` 0: the server did not say up to where. */
export function compactedError(compactRevision: number, position: number): EtcdError {
  const at = compactRevision > 0 ? ` at revision ${compactRevision}` : ''
  return new EtcdError('compacted', {
    call: 'Watch/Watch',
    what: `the store is compacted${at}; changes from revision ${position} on may be gone`,
    compactRevision: compactRevision > 0 ? compactRevision : undefined,
  })
}

/** The error for a watch whose store is another one, or cannot be shown to be the same. */
export function clusterChangedError(reason: ClusterChange['reason']): EtcdError {
  return new EtcdError('cluster_changed', { call: 'Watch/Watch', what: CLUSTER_CHANGES[reason] })
}

const CLUSTER_CHANGES: Record<ClusterChange['reason'], string> = {
  history_differs: 'the store does not hold at a known revision what it held: it was replaced or restored',
  cluster_id: 'the endpoint now belongs to another cluster',
  revision_went_back: 'the store is at a lower revision than it was: it was restored from a backup',
  term_went_back: 'the store is in an earlier term than it was: it was restored from a backup',
  unproven: 'the server refuses the reads that would show whether the store is still the same',
}
