export { type Barrier, createBarrier, type HoldOptions } from './barrier.ts'
export { type Cache, type CacheOptions, openCache } from './cache.ts'
export type { WaitOptions } from './caller-wait.ts'
export type { AcquireOptions } from './contend.ts'
export type { Contender } from './contenders.ts'
export { createElection, type Election, type Leadership } from './election.ts'
export { type Candidate, type ElectionView, observeElection, openElectionView } from './election-view.ts'
export { type CoordinationErrorCode, coordinationErrorCodes } from './error-codes.ts'
export { CoordinationError, type CoordinationErrorDetails } from './errors.ts'
export { type Group, joinGroup, type JoinOptions, type Member, type Membership, openGroup } from './group.ts'
export type { Held } from './held.ts'
export type { Job } from './job.ts'
export { acquireLock, type AcquireLockOptions, createMutex, type Lock, type Mutex } from './mutex.ts'
export { type PartitionerOptions, runPartitioner } from './partitioner.ts'
export { createReadWriteLock, type LockSide, type ReadWriteLock } from './read-write-lock.ts'
export { runElection, type RunElectionOptions } from './run-election.ts'
export { openSession } from './session.ts'
export type { Session, SessionOptions } from './session-contract.ts'
export type { View, ViewOptions } from './view.ts'
export { type Counter, createCounter } from './counter.ts'
export type { CounterResult } from './counter-writer.ts'
export { createSemaphore, type Permit, type Semaphore, type SemaphoreOptions } from './semaphore.ts'
export {
  createDoubleBarrier,
  type DoubleBarrier,
  type DoubleBarrierOptions,
  type Place,
} from './double-barrier.ts'
export {
  createWorkQueue,
  type PutJobOptions,
  type WorkQueue,
  type WorkQueueOptions,
} from './work-queue.ts'
export { createQueue, type Queue, type QueueEntry } from './queue.ts'
