/** Arguments and options that are not what they have to be. */
export type Args = readonly unknown[]

export const SECRET = 'hunter2'
export const revoked = (): unknown => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}
export const detached = (): Uint8Array => {
  const bytes = Uint8Array.of(1, 2, 3)
  structuredClone(bytes, { transfer: [bytes.buffer] })
  return bytes
}
export const throwing = {
  get timeoutMs(): number {
    throw new TypeError(SECRET)
  },
}

export const notBytes: Args = [
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
export const notNumbers: Args = [
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
export const notLeases: Args = [-1n, 2n ** 63n, 2n ** 64n, 5, '5', null, {}, true]
export const notMembers: Args = [-1n, 2n ** 64n, 5, '5', null, {}]
export const notFlags: Args = [0, 1, 'true', 'false', null, {}]
export const notTexts: Args = [5, null, {}, [SECRET], Buffer.from(SECRET), '']
export const notFunctions: Args = [5, null, {}, 'f']
export const notObjects: Args = [
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
  throwing,
  { timeoutMss: 5 },
  { timeoutms: 5 },
  JSON.parse('{"__proto__": 5}'),
  { constructor: 5 },
  { toString: 5 },
]

/** Bad values for each option, by name. */
export const control: Record<string, Args> = {
  timeoutMs: [...notNumbers.filter((value) => value !== 1.5), 0, 2 ** 31],
  signal: [5, 'abort', {}, { aborted: false }, new AbortController(), null],
  onRetry: notFunctions,
  clusterId: notMembers,
}
export const call: Record<string, Args> = { ...control, endpoint: notTexts, requireLeader: notFlags }
export const read = { ...control, revision: notNumbers, serializable: notFlags }
export const range: Record<string, Args> = {
  ...read,
  limit: [...notNumbers, 0],
  sort: [
    'key',
    {},
    { by: 'size' },
    { by: 'toString' },
    { by: 'key', order: 'up' },
    { by: 'key', desc: true },
  ],
  keysOnly: notFlags,
  countOnly: notFlags,
  minModRevision: notNumbers,
  maxModRevision: [...notNumbers, 0],
  minCreateRevision: notNumbers,
  maxCreateRevision: [...notNumbers, 0],
}
export const put = {
  ...control,
  lease: notLeases,
  prevKv: notFlags,
  ignoreValue: notFlags,
  ignoreLease: notFlags,
}
export const guarded = { ...control, lease: notLeases, isUnique: notFlags }
export const notRanges: Args = [
  ...notObjects,
  undefined,
  {},
  { prefx: 'a' },
  { key: 'a', prefix: 'a' },
  { prefix: 'a', to: 'b' },
  { from: 'a', to: undefined },
  { from: 'a', to: '' },
  { key: '' },
  ...notBytes.flatMap((value) => [
    { key: value },
    { prefix: value },
    { from: value },
    { from: 'a', to: value },
  ]),
]
export const paged = { ...read, pageSize: [...notNumbers, 0], keysOnly: notFlags }
export const notIds: Args = [...notLeases, undefined, 0n]

export function snapshotOptions(): Record<string, Args> {
  const { timeoutMs = [], signal = [], endpoint = [] } = call
  return { timeoutMs, signal, endpoint, idleTimeoutMs: timeoutMs, maxQueuedBytes: [...notNumbers, 0] }
}

/** An option of another function is no range either, but is refused by its name. */
export function isNoRange(value: unknown): boolean {
  return value !== throwing
}
