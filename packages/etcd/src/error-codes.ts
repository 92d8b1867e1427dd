/** What happened to a failed request, as far as the client can know. */
export type Fate =
  /** No byte of the request reached a server. */
  | 'not_sent'
  /** The server states that it did not apply the request. */
  | 'not_applied'
  /** The request may have been applied. */
  | 'unknown'

/** How the client reacts to an error of this code. Decided only here. */
interface CodeFacts {
  /** The fate of errors that carry none of their own. The transport often knows more than the code. */
  readonly fate: Fate
  /**
   * Retrying cannot help on any endpoint until somebody changes something, so a watch, lease or listing ends.
   */
  readonly isFinal: boolean
  /** Waiting does not help, but another endpoint may: this endpoint or its TLS is misconfigured. */
  readonly isSetting: boolean
  /** Whether a call that is safe to repeat is retried when its outcome is unknown. */
  readonly whenUnknown: 'retry' | 'retry_once' | 'fail'
  /**
   * With fate `not_applied`: the server refused the call without processing it, so even a write is retried.
   */
  readonly isRefusal: boolean
  /** The endpoint is at fault, so the next calls use other endpoints. */
  readonly blamesEndpoint: boolean
  /** A write of unknown outcome keeps this code because it says more than `outcome_unknown`. */
  readonly isSpecific: boolean
}

/** What an error code means and what the user can do. */
interface CodeEntry extends CodeFacts {
  readonly meaning: string
  readonly remedy: string
}

const COMMON: CodeFacts = {
  fate: 'not_applied',
  isFinal: false,
  isSetting: false,
  whenUnknown: 'fail',
  isRefusal: false,
  blamesEndpoint: false,
  isSpecific: false,
}

function entry(meaning: string, remedy: string, facts: Partial<CodeFacts> = {}): CodeEntry {
  return { meaning, remedy, ...COMMON, ...facts }
}

/**
 * All codes of this package: meaning, remedy and the client's reaction. The remedy ends the error's message.
 */
export const errorCodes = {
  // Reaching the cluster
  connect_failed: entry(
    'No connection to the endpoint could be made; nothing was sent.',
    'Is etcd running there, and is the endpoint right? Check host, port and firewall.',
    { fate: 'not_sent', whenUnknown: 'retry', blamesEndpoint: true },
  ),
  tls_failed: entry(
    'The TLS handshake failed; nothing was sent.',
    'Check https:// or http:// in the endpoint, tls.ca, and that the client certificate (tls.cert, tls.key) is the one the server asks for.',
    { fate: 'not_sent', isSetting: true, whenUnknown: 'retry', blamesEndpoint: true },
  ),
  not_grpc: entry(
    'Something answered, but it does not speak gRPC.',
    "Another server or a proxy without HTTP/2 sits on that port; give the address of etcd's client port (2379 by default).",
    { fate: 'unknown', isSetting: true, whenUnknown: 'retry', blamesEndpoint: true },
  ),
  discovery_failed: entry(
    'The DNS SRV records of the cluster could not be read.',
    'Check the domain and its _etcd-client._tcp records, or give endpoints instead.',
    { fate: 'not_sent' },
  ),
  connection_lost: entry(
    'The connection broke before the whole answer was received.',
    "If this persists, look at the server's log and at proxies in between.",
    { fate: 'unknown', whenUnknown: 'retry', blamesEndpoint: true },
  ),
  unavailable: entry(
    'The member cannot serve at the moment.',
    "It is starting, stopping or overloaded; try again, and look at the cluster's health if it persists.",
    { fate: 'unknown', whenUnknown: 'retry', isRefusal: true, blamesEndpoint: true },
  ),
  no_leader: entry(
    'The cluster has no leader, or the member has lost contact with it.',
    'Wait for the election; if it persists, a majority of the members is down or cut off.',
    { isRefusal: true, whenUnknown: 'retry', blamesEndpoint: true },
  ),
  // Outcome of the call
  outcome_unknown: entry(
    'A write was sent and its answer never came: it may have been applied, or not.',
    'Read the key back before you write again.',
    { fate: 'unknown' },
  ),
  deadline_exceeded: entry(
    'The call took longer than its timeout.',
    'Raise the timeout if the cluster is slow by nature; otherwise check its load and its health.',
    { fate: 'unknown' },
  ),
  cancelled: entry('The call was cancelled by its caller.', 'Nothing needs to be done.', {
    fate: 'unknown',
    isSpecific: true,
  }),
  closed: entry('The client is closed.', 'Make a new client, or close this one later.', {
    fate: 'not_sent',
    isFinal: true,
    isSpecific: true,
  }),
  slow_consumer: entry(
    'The reader did not keep up and the bounded queue ran full.',
    'Read faster, or do the work elsewhere; the position is kept, so nothing is lost by reading on.',
    { fate: 'unknown' },
  ),
  // Invalid requests
  invalid_option: entry('An option of the client is not usable.', 'Correct the option named here.', {
    fate: 'not_sent',
    isFinal: true,
  }),
  invalid_argument: entry(
    'The request is not valid; nothing was applied.',
    'Correct the request; sending it again unchanged gives the same answer.',
    { fate: 'not_sent', isFinal: true },
  ),
  request_too_large: entry(
    'The request is larger than the server accepts.',
    'Split it: etcd takes 1.5 MiB and 128 operations per request unless its limits were raised.',
    { fate: 'not_sent' },
  ),
  response_too_large: entry(
    'The answer is larger than the client is willing to take.',
    'Read in pages, or raise limits.responseBytes.',
    { fate: 'unknown' },
  ),
  duplicate_key: entry(
    'A transaction writes one key twice.',
    'Write each key at most once per branch, and do not put into a range deleted by the same branch.',
    { fate: 'not_sent' },
  ),
  compacted: entry(
    'The revision asked for is no longer kept.',
    'List the current state and continue from its revision.',
  ),
  cluster_changed: entry(
    'The endpoint answers for another store than before: another cluster, or one restored from a backup.',
    'Its revisions cannot be compared with the earlier ones: list the current state and continue from there.',
    { fate: 'unknown', whenUnknown: 'retry', isRefusal: true, blamesEndpoint: true, isSpecific: true },
  ),
  future_revision: entry(
    'The revision asked for has not happened yet.',
    'Ask for a revision the store has reached; a store restored from a backup starts lower.',
  ),
  stale_read: entry(
    'A member answered from an older revision than the client has seen.',
    'Try again, or read without `serializable`.',
  ),
  not_found: entry('There is no such key, lease, user, role or member.', 'Check the name or the id.'),
  already_exists: entry(
    'A user, role or member of this name already exists.',
    'Choose another name, or use the existing one.',
  ),
  key_exists: entry('The key already exists.', 'Use put, or a write conditional on its revision.'),
  key_not_found: entry('The key does not exist.', 'Create it first.'),
  compare_failed: entry(
    'The condition of the write does not hold: the key was changed by someone else.',
    'Read the key again and decide by its current value.',
  ),
  // Leases
  lease_not_found: entry(
    'The lease has expired or was revoked.',
    'Grant a new lease and attach the keys to it again.',
  ),
  lease_exists: entry(
    'A lease with this id already exists.',
    'Choose another id, or let the client choose one.',
  ),
  lease_lost: entry(
    'The lease could not be kept alive in time.',
    'What it protected may belong to another process by now; stop that work, then grant a new lease.',
    { fate: 'unknown' },
  ),
  // Authentication and permissions
  unauthenticated: entry(
    'The cluster did not accept the credentials, or requires some.',
    'Check auth.username and auth.password, and that the client has credentials when the cluster has auth enabled.',
    { isFinal: true },
  ),
  permission_denied: entry(
    'The user may not do this.',
    "Grant the user's role read or write on the whole key range asked for.",
    { isFinal: true },
  ),
  auth_not_enabled: entry(
    'Credentials were given, but the cluster has auth disabled.',
    'Leave out auth, or enable auth on the cluster.',
    { isFinal: true },
  ),
  // State of the server
  no_space: entry(
    'The store is full (NOSPACE alarm): writes are refused until there is room.',
    'Compact, defragment, then disarm the alarm; or raise --quota-backend-bytes.',
    { fate: 'unknown', isSpecific: true },
  ),
  too_many_requests: entry(
    'The member has too many requests in progress and refused the call without processing it.',
    'Send fewer requests at a time; the call is retried automatically within its timeout.',
    { isRefusal: true, whenUnknown: 'retry' },
  ),
  resource_exhausted: entry(
    'A limit of the server, or of a proxy in between, is reached.',
    "See the server's reason in the message.",
    { fate: 'unknown', whenUnknown: 'retry_once' },
  ),
  corrupt: entry('The store reports corruption.', 'Restore the member from its peers or from a snapshot.'),
  failed_precondition: entry(
    'The cluster is not in the state the call needs.',
    "See the server's reason in the message.",
  ),
  unimplemented: entry(
    'The server does not know the call.',
    'It is older than the feature, or not etcd (a gateway or proxy); compare its version.',
    { isSetting: true },
  ),
  internal: entry('The server failed on the call.', "See the server's reason in the message, and its log.", {
    fate: 'unknown',
    whenUnknown: 'retry_once',
  }),
  unknown: entry(
    'The server returned an error without a specific code.',
    "See the server's reason in the message.",
    {
      fate: 'unknown',
      whenUnknown: 'retry_once',
    },
  ),
  file_failed: entry(
    'A file of this machine could not be written.',
    'Check that its folder is there, may be written to and has room.',
    { fate: 'unknown' },
  ),
  malformed_message: entry(
    'Bytes are not the protobuf message or gRPC frame they should be.',
    "A proxy may be changing the traffic; otherwise please report it, with the server's version.",
    { fate: 'unknown', whenUnknown: 'retry_once' },
  ),
} as const satisfies Record<string, CodeEntry>

/** Every kind of failure this package reports, described in `errorCodes`. */
export type EtcdErrorCode = keyof typeof errorCodes
