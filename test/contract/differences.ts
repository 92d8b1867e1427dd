import type { ServerKind, ServerUnderTest } from './contract-server.ts'

/** Where a server is known not to do as the others. A test asserts each: one that is gone must be taken off the list. */
interface Difference {
  /** Number of the behaviour in the contract suite. */
  readonly behaviour: number
  readonly on: readonly ServerKind[]
  readonly reason: string
}

const differences = {
  noDeleteAtCompactRevision: {
    behaviour: 36,
    on: ['3.4'],
    reason: 'etcd before 3.4.36 and 3.5.18 forgets a delete made at exactly the compact revision.',
  },
  negativeStartAccepted: {
    behaviour: 38,
    on: ['3.4'],
    reason: 'etcd before 3.4.38 and 3.5.24 takes a start revision below 0.',
  },
  progressWhateverWatches: {
    behaviour: 40,
    on: ['3.4'],
    reason: 'etcd before 3.4.25 and 3.5.8 answers a progress request at once, whatever the watches are at.',
  },
  tokenReadWhileAuthIsOff: {
    behaviour: 60,
    on: ['3.4'],
    reason: 'etcd 3.4 looks at a token even while auth is off.',
  },
  fewCallsNeedToken: {
    behaviour: 60,
    on: ['3.4'],
    reason:
      'etcd 3.4 lets anybody use leases, compact and disarm; later versions ask for a user, or for root.',
  },
  txnHardlyChecked: {
    behaviour: 60,
    on: ['3.4'],
    reason: 'etcd before 3.4.44 and 3.5.30 does not look at nested transactions, prev_kv and leases of puts.',
  },
  healthWithoutReason: {
    behaviour: 63,
    on: ['3.4'],
    reason: 'etcd 3.4 gives no reason on /health.',
  },
  roughWithHeaders: {
    behaviour: 55,
    on: ['3.4'],
    reason:
      "gRPC's Go server of that time resets a call whose headers are wrong, without a word, or looks over it.",
  },
  anyPermission: {
    behaviour: 60,
    on: ['3.4'],
    reason: 'etcd 3.4 grants permissions for ranges that hold no key, and crashes where none is given.',
  },
  longPassword: {
    behaviour: 60,
    on: ['3.4'],
    reason: 'The bcrypt of etcd 3.4 looks at the first 72 bytes of a password and takes any length.',
  },
  noHealthList: {
    behaviour: 63,
    on: ['3.4'],
    reason: "gRPC's health service has a list of services only since 2025.",
  },
  unpacksGzip: {
    behaviour: 57,
    on: ['current'],
    reason: 'From 3.5 on etcd unpacks gzip, which no client of etcd sends unasked.',
  },
  noPathForHashKv: {
    behaviour: 63,
    on: ['3.4'],
    reason: 'The gateway of etcd 3.4 has no path for HashKV, only for Hash.',
  },
  noSnapshot: {
    behaviour: 63,
    on: ['memory', 'durable'],
    reason: 'A snapshot is a copy of the file of etcd, which only etcd can restore.',
  },
  oneMember: {
    behaviour: 63,
    on: ['memory', 'durable'],
    reason: 'Embedded is one node: members cannot be added or removed.',
  },
} as const satisfies Record<string, Difference>

/** Whether the server is one that differs here. */
export const differs = (server: Pick<ServerUnderTest, 'kind'>, name: keyof typeof differences): boolean =>
  (differences[name].on as readonly ServerKind[]).includes(server.kind)
