/** gRPC's status codes, as far as etcd uses them. */
export const GRPC_CODE = {
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

/** The error of a failed call: a gRPC status, sent to the client unchanged. */
export class StatusError extends Error {
  /** A number of `grpcCode`. */
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.name = 'StatusError'
    this.code = code
  }
}

function failure(code: number, message: string): () => StatusError {
  return () => new StatusError(code, message)
}

/**
 * etcd's own errors, word for word: clients tell them apart by code and message.
 * Source: etcd api/v3rpc/rpctypes.
 */
export const ETCD_ERROR = {
  emptyKey: failure(GRPC_CODE.invalidArgument, 'etcdserver: key is not provided'),
  keyNotFound: failure(GRPC_CODE.invalidArgument, 'etcdserver: key not found'),
  valueProvided: failure(GRPC_CODE.invalidArgument, 'etcdserver: value is provided'),
  leaseProvided: failure(GRPC_CODE.invalidArgument, 'etcdserver: lease is provided'),
  tooManyOperations: failure(GRPC_CODE.invalidArgument, 'etcdserver: too many operations in txn request'),
  duplicateKey: failure(GRPC_CODE.invalidArgument, 'etcdserver: duplicate key given in txn request'),
  requestTooLarge: failure(GRPC_CODE.invalidArgument, 'etcdserver: request is too large'),
  compacted: failure(GRPC_CODE.outOfRange, 'etcdserver: mvcc: required revision has been compacted'),
  futureRevision: failure(GRPC_CODE.outOfRange, 'etcdserver: mvcc: required revision is a future revision'),
  noSpace: failure(GRPC_CODE.resourceExhausted, 'etcdserver: mvcc: database space exceeded'),
  corrupt: failure(GRPC_CODE.dataLoss, 'etcdserver: corrupt cluster'),
  leaseNotFound: failure(GRPC_CODE.notFound, 'etcdserver: requested lease not found'),
  leaseExists: failure(GRPC_CODE.failedPrecondition, 'etcdserver: lease already exists'),
  leaseTtlTooLarge: failure(GRPC_CODE.outOfRange, 'etcdserver: too large lease TTL'),
  noLeader: failure(GRPC_CODE.unavailable, 'etcdserver: no leader'),
  timedOut: failure(GRPC_CODE.unavailable, 'etcdserver: request timed out'),
  deadlineExceeded: failure(GRPC_CODE.deadlineExceeded, 'context deadline exceeded'),
  stopped: failure(GRPC_CODE.unavailable, 'etcdserver: server stopped'),
  rootUserNotExist: failure(GRPC_CODE.failedPrecondition, 'etcdserver: root user does not exist'),
  rootRoleNotExist: failure(GRPC_CODE.failedPrecondition, 'etcdserver: root user does not have root role'),
  userExists: failure(GRPC_CODE.failedPrecondition, 'etcdserver: user name already exists'),
  userEmpty: failure(GRPC_CODE.invalidArgument, 'etcdserver: user name is empty'),
  userNotFound: failure(GRPC_CODE.failedPrecondition, 'etcdserver: user name not found'),
  roleExists: failure(GRPC_CODE.failedPrecondition, 'etcdserver: role name already exists'),
  roleNotFound: failure(GRPC_CODE.failedPrecondition, 'etcdserver: role name not found'),
  roleEmpty: failure(GRPC_CODE.invalidArgument, 'etcdserver: role name is empty'),
  roleNotGranted: failure(GRPC_CODE.failedPrecondition, 'etcdserver: role is not granted to the user'),
  permissionNotGiven: failure(GRPC_CODE.invalidArgument, 'etcdserver: permission not given'),
  permissionNotGranted: failure(
    GRPC_CODE.failedPrecondition,
    'etcdserver: permission is not granted to the role',
  ),
  permissionDenied: failure(GRPC_CODE.permissionDenied, 'etcdserver: permission denied'),
  authFailed: failure(
    GRPC_CODE.invalidArgument,
    'etcdserver: authentication failed, invalid user ID or password',
  ),
  passwordTooLong: failure(GRPC_CODE.unknown, 'bcrypt: password length exceeds 72 bytes'),
  noPasswordUser: failure(
    GRPC_CODE.unknown,
    'auth: authentication failed, password was given for no password user',
  ),
  authNotEnabled: failure(GRPC_CODE.failedPrecondition, 'etcdserver: authentication is not enabled'),
  invalidAuthToken: failure(GRPC_CODE.unauthenticated, 'etcdserver: invalid auth token'),
  invalidAuthManagement: failure(GRPC_CODE.invalidArgument, 'etcdserver: invalid auth management'),
  memberNotFound: failure(GRPC_CODE.notFound, 'etcdserver: member not found'),
  memberNotEnoughStarted: failure(
    GRPC_CODE.unknown,
    'etcdserver: re-configuration failed due to not enough started members',
  ),
  memberNotLearner: failure(GRPC_CODE.failedPrecondition, 'etcdserver: can only promote a learner member'),
  badMemberUrls: failure(GRPC_CODE.invalidArgument, 'etcdserver: given member URLs are invalid'),
  badLeaderTransferee: failure(GRPC_CODE.failedPrecondition, 'etcdserver: bad leader transferee'),
} as const
