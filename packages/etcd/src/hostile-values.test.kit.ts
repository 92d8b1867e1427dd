/** Arguments and options that are not what they have to be. */
export type Args = readonly unknown[]

export const SECRET = 'hunter2'
export function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}
export function detached(): Uint8Array {
  const bytes = Uint8Array.of(1, 2, 3)
  structuredClone(bytes, { transfer: [bytes.buffer] })
  return bytes
}
export const THROWING = {
  get timeoutMs(): number {
    throw new TypeError(SECRET)
  },
}

export const NOT_BYTES: Args = [
  undefined,
  null,
  5,
  Number.NaN,
  true,
  5n,
  Symbol('k'),
  () => SECRET,
  { secret: SECRET },
  [SECRET],
  Promise.resolve(SECRET),
  new ArrayBuffer(3),
  new Uint16Array(2),
  Object.create(Uint8Array.prototype),
  revoked(),
  detached(),
  `${SECRET}\ud800`,
]
export const NOT_NUMBERS: Args = [
  -1,
  1.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2 ** 53,
  '5',
  5n,
  null,
  {},
  [5],
]
export const NOT_LEASES: Args = [-1n, 2n ** 63n, 2n ** 64n, 5, '5', null, {}, true]
export const NOT_MEMBERS: Args = [-1n, 2n ** 64n, 5, '5', null, {}]
export const NOT_FLAGS: Args = [0, 1, 'true', 'false', null, {}]
export const NOT_TEXTS: Args = [5, null, {}, [SECRET], Buffer.from(SECRET), '']
export const NOT_FUNCTIONS: Args = [5, null, {}, 'f']
export const NOT_OBJECTS: Args = [
  null,
  5,
  SECRET,
  true,
  [],
  [SECRET],
  () => SECRET,
  Symbol('options'),
  Promise.resolve({}),
  new Date(0),
  new Map([['timeoutMs', 5]]),
  new AbortController().signal,
  revoked(),
  THROWING,
  { timeoutMss: 5 },
  { timeoutms: 5 },
  JSON.parse('{"__proto__": 5}'),
  { constructor: 5 },
  { toString: 5 },
]

/** Looks like a signal, and takes no listeners. */
const THROWING_SIGNAL = {
  aborted: false,
  addEventListener() {
    throw new Error('listener')
  },
  removeEventListener: () => undefined,
}

/** Bad values for each option, by name. */
export const CONTROL: Record<string, Args> = {
  timeoutMs: [...NOT_NUMBERS.filter((value) => value !== 1.5), 0, 2 ** 31],
  signal: [5, 'abort', {}, { aborted: false }, new AbortController(), null, THROWING_SIGNAL],
  onRetry: NOT_FUNCTIONS,
  clusterId: NOT_MEMBERS,
}
export const CALL: Record<string, Args> = { ...CONTROL, endpoint: NOT_TEXTS, requireLeader: NOT_FLAGS }
export const READ = { ...CONTROL, revision: NOT_NUMBERS, serializable: NOT_FLAGS }
export const RANGE: Record<string, Args> = {
  ...READ,
  limit: [...NOT_NUMBERS, 0],
  sort: [
    'key',
    {},
    { by: 'size' },
    { by: 'toString' },
    { by: 'key', order: 'up' },
    { by: 'key', desc: true },
  ],
  keysOnly: NOT_FLAGS,
  countOnly: NOT_FLAGS,
  minModRevision: NOT_NUMBERS,
  maxModRevision: [...NOT_NUMBERS, 0],
  minCreateRevision: NOT_NUMBERS,
  maxCreateRevision: [...NOT_NUMBERS, 0],
}
export const PUT = {
  ...CONTROL,
  lease: NOT_LEASES,
  prevKv: NOT_FLAGS,
  ignoreValue: NOT_FLAGS,
  ignoreLease: NOT_FLAGS,
}
export const GUARDED = { ...CONTROL, lease: NOT_LEASES, isUnique: NOT_FLAGS }
export const NOT_RANGES: Args = [
  ...NOT_OBJECTS,
  undefined,
  {},
  { prefx: 'a' },
  { key: 'a', prefix: 'a' },
  { prefix: 'a', to: 'b' },
  { from: 'a', to: undefined },
  { from: 'a', to: '' },
  { key: '' },
  ...NOT_BYTES.flatMap((value) => [
    { key: value },
    { prefix: value },
    { from: value },
    { from: 'a', to: value },
  ]),
]
export const PAGED = { ...READ, pageSize: [...NOT_NUMBERS, 0], keysOnly: NOT_FLAGS }
export const NOT_IDS: Args = [...NOT_LEASES, undefined, 0n]

export function snapshotOptions(): Record<string, Args> {
  const { timeoutMs = [], signal = [], endpoint = [] } = CALL
  return { timeoutMs, signal, endpoint, idleTimeoutMs: timeoutMs, maxQueuedBytes: [...NOT_NUMBERS, 0] }
}

/** An option of another function is no range either, but is refused by its name. */
export function isNoRange(value: unknown): boolean {
  return value !== THROWING
}
