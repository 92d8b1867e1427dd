/** gRPC's status codes, as far as etcd uses them. */
export const grpcCode = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const

/** How a call ends when it does not end well: a gRPC status, sent to the client as it stands. */
export class StatusError extends Error {
  /** A number of `grpcCode`. */
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.name = 'StatusError'
    this.code = code
  }
}

const failure =
  (code: number, message: string): (() => StatusError) =>
  () =>
    new StatusError(code, message)

/**
 * etcd's own errors, word for word: clients tell them apart by code and message.
 * Source: etcd api/v3rpc/rpctypes.
 */
export const etcdError = {
  emptyKey: failure(grpcCode.invalidArgument, 'etcdserver: key is not provided'),
  keyNotFound: failure(grpcCode.invalidArgument, 'etcdserver: key not found'),
  valueProvided: failure(grpcCode.invalidArgument, 'etcdserver: value is provided'),
  leaseProvided: failure(grpcCode.invalidArgument, 'etcdserver: lease is provided'),
  tooManyOperations: failure(grpcCode.invalidArgument, 'etcdserver: too many operations in txn request'),
  duplicateKey: failure(grpcCode.invalidArgument, 'etcdserver: duplicate key given in txn request'),
  requestTooLarge: failure(grpcCode.invalidArgument, 'etcdserver: request is too large'),
  compacted: failure(grpcCode.outOfRange, 'etcdserver: mvcc: required revision has been compacted'),
  futureRevision: failure(grpcCode.outOfRange, 'etcdserver: mvcc: required revision is a future revision'),
  noSpace: failure(grpcCode.resourceExhausted, 'etcdserver: mvcc: database space exceeded'),
  corrupt: failure(grpcCode.dataLoss, 'etcdserver: corrupt cluster'),
  leaseNotFound: failure(grpcCode.notFound, 'etcdserver: requested lease not found'),
  leaseExists: failure(grpcCode.failedPrecondition, 'etcdserver: lease already exists'),
  leaseTtlTooLarge: failure(grpcCode.outOfRange, 'etcdserver: too large lease TTL'),
  noLeader: failure(grpcCode.unavailable, 'etcdserver: no leader'),
  timedOut: failure(grpcCode.unavailable, 'etcdserver: request timed out'),
  deadlineExceeded: failure(grpcCode.deadlineExceeded, 'context deadline exceeded'),
  stopped: failure(grpcCode.unavailable, 'etcdserver: server stopped'),
  rootUserNotExist: failure(grpcCode.failedPrecondition, 'etcdserver: root user does not exist'),
  rootRoleNotExist: failure(grpcCode.failedPrecondition, 'etcdserver: root user does not have root role'),
  userExists: failure(grpcCode.failedPrecondition, 'etcdserver: user name already exists'),
  userEmpty: failure(grpcCode.invalidArgument, 'etcdserver: user name is empty'),
  userNotFound: failure(grpcCode.failedPrecondition, 'etcdserver: user name not found'),
  roleExists: failure(grpcCode.failedPrecondition, 'etcdserver: role name already exists'),
  roleNotFound: failure(grpcCode.failedPrecondition, 'etcdserver: role name not found'),
  roleEmpty: failure(grpcCode.invalidArgument, 'etcdserver: role name is empty'),
  roleNotGranted: failure(grpcCode.failedPrecondition, 'etcdserver: role is not granted to the user'),
  permissionNotGiven: failure(grpcCode.invalidArgument, 'etcdserver: permission not given'),
  permissionNotGranted: failure(
    grpcCode.failedPrecondition,
    'etcdserver: permission is not granted to the role',
  ),
  permissionDenied: failure(grpcCode.permissionDenied, 'etcdserver: permission denied'),
  authFailed: failure(
    grpcCode.invalidArgument,
    'etcdserver: authentication failed, invalid user ID or password',
  ),
  passwordTooLong: failure(grpcCode.unknown, 'bcrypt: password length exceeds 72 bytes'),
  noPasswordUser: failure(
    grpcCode.unknown,
    'auth: authentication failed, password was given for no password user',
  ),
  authNotEnabled: failure(grpcCode.failedPrecondition, 'etcdserver: authentication is not enabled'),
  invalidAuthToken: failure(grpcCode.unauthenticated, 'etcdserver: invalid auth token'),
  invalidAuthManagement: failure(grpcCode.invalidArgument, 'etcdserver: invalid auth management'),
  memberNotFound: failure(grpcCode.notFound, 'etcdserver: member not found'),
  memberNotEnoughStarted: failure(
    grpcCode.unknown,
    'etcdserver: re-configuration failed due to not enough started members',
  ),
  memberNotLearner: failure(grpcCode.failedPrecondition, 'etcdserver: can only promote a learner member'),
  badMemberUrls: failure(grpcCode.invalidArgument, 'etcdserver: given member URLs are invalid'),
  badLeaderTransferee: failure(grpcCode.failedPrecondition, 'etcdserver: bad leader transferee'),
} as const
