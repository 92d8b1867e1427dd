import { randomBytes } from 'node:crypto'
import type { Journal, StoredState } from './journal.ts'

/** A random id like etcd's cluster and member ids: 64 bits, unsigned. */
export function randomId(): bigint {
  return randomBytes(8).readBigUInt64BE()
}

/** The state of a new cluster. */
export function freshState(): StoredState {
  return {
    clusterId: randomId(),
    memberId: randomId(),
    raftTerm: 2,
    raftIndex: 0,
    revision: 1,
    compactRevision: -1,
    auth: undefined,
    alarms: [],
    leases: [],
    versions: [],
  }
}

function nothing(): void {}

/** Creates a journal that stores nothing: the state ends with the process. */
export function createMemoryJournal(onCommitted: () => void): Journal {
  return {
    load: freshState,
    run(work) {
      const result = work()
      onCommitted()
      return result
    },
    addVersions: nothing,
    dropVersions: nothing,
    addLease: nothing,
    dropLease: nothing,
    save: nothing,
    close: nothing,
  }
}
