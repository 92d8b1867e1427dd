import { randomBytes } from 'node:crypto'
import type { Journal, StoredState } from './journal.ts'

/** A random id as etcd's cluster and member ids are: 64 bits, unsigned. */
export const randomId = (): bigint => randomBytes(8).readBigUInt64BE()

/** A cluster nobody has written to. */
export const freshState = (): StoredState => ({
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
})

const nothing = (): void => {}

/** Keeps nothing: the state ends with the process. */
export const createMemoryJournal = (onCommitted: () => void): Journal => ({
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
})
