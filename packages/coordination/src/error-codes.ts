/** What an error code means and what the user can do. */
interface CodeEntry {
  readonly meaning: string
  readonly remedy: string
}

/** All codes of this package. The remedy ends the error's message. */
export const coordinationErrorCodes = {
  lock_lost: {
    meaning: 'The key that holds the place in the queue is gone.',
    remedy: 'Somebody else may hold it by now: stop the work that depends on it, then acquire it again.',
  },
  session_lost: {
    meaning: 'The lease of the session could not be kept alive in time, or was revoked.',
    remedy: 'What depends on it may belong to somebody else by now: stop that work, then open a new session.',
  },
  cancelled: { meaning: 'The call was cancelled by its caller.', remedy: 'Nothing needs to be done.' },
  deadline_exceeded: {
    meaning: 'The call did not end within its timeoutMs.',
    remedy: 'Give it a longer timeoutMs, or find out what it waits for.',
  },
  closed: {
    meaning: 'The session, the client or the handle is closed.',
    remedy: 'Open a new one, or close this one later.',
  },
  not_leader: {
    meaning: 'This candidate does not lead any more; nothing was written.',
    remedy: 'Stop the work of the leader, then campaign again.',
  },
  limit_mismatch: {
    meaning: 'The semaphore has another limit in the store than the one given.',
    remedy:
      'Give all processes the same limit, leave it out to take the stored one, or change that by setLimit.',
  },
  too_many: {
    meaning: 'The double barrier has its participants already.',
    remedy: 'Enter again when the round is over, or raise count in all processes.',
  },
  member_exists: {
    meaning: 'The group has a member of this id.',
    remedy: 'Choose another id, or wait: the place of a dead process is free when its lease has expired.',
  },
  invalid_argument: {
    meaning: 'An argument is not usable; nothing was sent.',
    remedy: 'Correct the argument named here.',
  },
} as const satisfies Record<string, CodeEntry>

/** Every kind of failure of this package itself. What etcd refuses is an EtcdError. */
export type CoordinationErrorCode = keyof typeof coordinationErrorCodes
