/** One deliberate fault, and the test that must notice it. */
export interface Mutation {
  /** The promise it breaks, and how. */
  readonly name: string
  /** From the repository's root. */
  readonly file: string
  /** Stands in the file exactly once. */
  readonly find: string
  readonly replace: string
  /** The test file that has to fail. */
  readonly test: string
}

const source = 'packages/livetree/src/etcd-source'
const pipeline = 'packages/core/src/pipeline'
const core = 'packages/core/src'
const live = 'packages/core/src/live'
const watch = 'packages/etcd/src/watch'
const reflector = 'packages/etcd/src/reflector'
const etcd = 'packages/etcd/src'
const transport = `${etcd}/transport`
const joined = 'test/integration/store-truth/joined-layers.test.ts'
const promise = (file: string) => `test/integration/promises/${file}.test.ts`

/** For each promise of the README at least one fault in the code that keeps it. */
export const mutations: readonly Mutation[] = [
  {
    name: 'P1: the keys of one revision are handed over one by one',
    file: `${source}/connection.ts`,
    find: 'context.sink.patch({ revision, changes, allowRemoval })',
    replace:
      'changes.forEach((change, index) => context.sink.patch({ revision: revision - 1 + (index + 1) / changes.length, changes: [change], allowRemoval }))',
    test: promise('p01-atomic'),
  },
  {
    name: 'P1: the pages of a list are read at different revisions',
    file: `${reflector}/list-ranges.ts`,
    find: '[{ ...range, limit, revision: this.#revision }]',
    replace: '[{ ...range, limit }]',
    test: promise('p01-atomic'),
  },
  {
    name: 'P1: a revision is handed over in pieces',
    file: `${watch}/revision-assembler.ts`,
    find: 'if (revision !== this.#revision && this.isPartial)',
    replace: 'if (this.isPartial)',
    test: promise('p01-atomic'),
  },
  {
    name: 'P1: the ranges of a join do not wait for each other',
    file: `${watch}/joined-watch.ts`,
    find: 'const common = Math.min(...this.#ranges.map(({ reached }) => reached))',
    replace: 'const common = Math.max(...this.#ranges.map(({ reached }) => reached))',
    test: joined,
  },
  {
    name: 'P1: a range with changes to come counts as unchanged',
    file: `${watch}/unchanged-ranges.ts`,
    find: 'later?.kvs.length === 0 && later.count === earlier?.count',
    replace: 'true',
    test: joined,
  },
  {
    name: 'P2: another store goes unnoticed when listing again',
    file: `${reflector}/reflector.ts`,
    find: 'epoch: this.epoch + Number(isOther)',
    replace: 'epoch: this.epoch',
    test: promise('p02-monotonic'),
  },
  {
    name: 'P3: what zod refuses is served all the same',
    file: `${pipeline}/create-pipeline.ts`,
    find: 'if (issues.length > 0 || !decoded.isValid)',
    replace: 'if (issues.length > 99)',
    test: promise('p03-valid'),
  },
  {
    name: 'P3: the same complaint is made again at every revision',
    file: `${core}/updates/rejection.ts`,
    find: 'if (before?.key !== key) {',
    replace: 'if (event.revision !== before?.event.revision) {',
    test: promise('p03-valid'),
  },
  {
    name: 'P4: the store revision of a response is taken for the position of the watch',
    file: `${watch}/watch-state.ts`,
    find: 'this.#position = revision + 1\n      this.#isContinuing = true\n      this.#notifier',
    replace: 'this.#position = header.revision + 2\n      this.#isContinuing = true\n      this.#notifier',
    test: promise('p04-complete'),
  },
  {
    name: 'P4: keys deleted during a compaction stay',
    file: `${pipeline}/layer-tree.ts`,
    find: 'if (seen !== undefined) this.#removeUnseen(layer, seen)',
    replace: '',
    test: promise('p04-complete'),
  },
  {
    name: 'P4: deletes are overlooked',
    file: `${source}/layer-leaves.ts`,
    find: 'return this.#tree.locate(kv.key).map(',
    replace: "if (type === 'delete') return []\n    return this.#tree.locate(kv.key).map(",
    test: promise('p04-complete'),
  },
  {
    name: 'P4: what is equal is told as a change',
    file: `${pipeline}/create-pipeline.ts`,
    find: "isSame ? 'unchanged' : 'accepted'",
    replace: "'accepted'",
    test: 'test/property/differential.test.ts',
  },
  {
    name: 'P5: snapshots are not frozen',
    file: `${pipeline}/share.ts`,
    find: 'return Object.freeze(concealSecrets(copy, schemaNode))\n}\n\nfunction shareMap',
    replace: 'return concealSecrets(copy, schemaNode)\n}\n\nfunction shareMap',
    test: promise('p05-immutable'),
  },
  {
    name: 'P5: every change judges, and makes, everything anew',
    file: `${pipeline}/share.ts`,
    find: 'names.every((name) => Object.is(before[name], copy[name]))) return before',
    replace:
      'names.every((name) => Object.is(before[name], copy[name]))) return Object.freeze(concealSecrets({ ...copy }, schemaNode))',
    test: 'test/property/differential.test.ts',
  },
  {
    name: 'P6: a listener is called again while it is busy',
    file: `${core}/events/subscriber.ts`,
    find: 'if (this.#isBusy) return',
    replace: '',
    test: promise('p06-swap-then-tell'),
  },
  {
    name: 'P7: silence is never noticed',
    file: `${live}/freshness.ts`,
    find: '<= staleAfterMs) continue',
    replace: '<= Number.POSITIVE_INFINITY) continue',
    test: promise('p07-fresh'),
  },
  {
    name: 'P7: the watch gives no proof',
    file: `${source}/connection.ts`,
    find: 'this.#prove(at)',
    replace: '',
    test: promise('p07-fresh'),
  },
  {
    name: 'P8: the snapshot on disk can be read by everyone',
    file: 'packages/core/src/snapshot-file/write-atomically.ts',
    find: "open(temporary, 'wx', 0o600)",
    replace: "open(temporary, 'wx', 0o644)",
    test: promise('p08-boots-without-store'),
  },
  {
    name: 'P8: without a key secrets go to disk',
    file: `${pipeline}/leaves.ts`,
    find: 'options.withSecrets || ',
    replace: 'true || ',
    test: promise('p08-boots-without-store'),
  },
  {
    name: 'P9: nothing is too large a removal',
    file: `${pipeline}/guard.ts`,
    find: 'if (losers.length === 0) return []',
    replace: 'return []',
    test: promise('p09-guarded'),
  },
  {
    name: 'P9: a write cannot say that it is meant',
    file: `${source}/connection.ts`,
    find: "type === 'put' && kv.key.equals(key)",
    replace: "type === 'delete' && kv.key.equals(key)",
    test: promise('p09-guarded'),
  },
  {
    name: 'P10: values print their secrets',
    file: `${pipeline}/redact.ts`,
    find: 'export function concealSecrets<O extends object>(value: O, schemaNode: SchemaNode | undefined): O {',
    replace:
      'export function concealSecrets<O extends object>(value: O, schemaNode: SchemaNode | undefined): O {\n  if (schemaNode !== undefined) return value',
    test: promise('p10-quiet-about-secrets'),
  },
  {
    name: 'P10: issues show what was received, secret or not',
    file: `${pipeline}/issues.ts`,
    find: 'if (this.#plan.hasSecret && !isOpenAt(this.#plan, path)) return SECRET_TEXT',
    replace: 'if (this.#plan.hasSecret) return textOf(value)',
    test: promise('p10-quiet-about-secrets'),
  },
  {
    name: 'P11: the watch goes on after close',
    file: `${source}/connection.ts`,
    find: 'if (this.#options.isOwned) await this.#options.client.close()',
    replace: '',
    test: promise('p11-leaves-nothing'),
  },
  {
    name: 'Store: a watch asks nothing of the store it comes back to',
    file: `${reflector}/store-recognizer.ts`,
    find: "if (!probe.isAsKnown(answer, hasValues)) this.#isOther('history_differs')",
    replace: "if (probe === undefined) this.#isOther('history_differs')",
    test: 'test/integration/store-truth/identity.test.ts',
  },
  {
    name: 'Store: values are not part of what a store is known by',
    file: `${reflector}/continuity-question.ts`,
    find: 'if (!isSameWrite || !hasValue) return isSameWrite',
    replace: 'if (isSameWrite) return true',
    test: 'test/integration/store-truth/identity.test.ts',
  },
  {
    name: 'Store: nothing is asked of a store with more keys than are remembered',
    file: `${reflector}/store-evidence.ts`,
    find: 'if (traces.length === 0) return undefined',
    replace: 'return undefined',
    test: 'test/integration/store-truth/identity.test.ts',
  },
  {
    name: 'Store: a list that contradicts what is known is believed',
    file: `${reflector}/store-epochs.ts`,
    find: 'this.#isDisproven ||= isDoubt',
    replace: 'this.#isDisproven ||= false',
    test: 'test/integration/store-truth/identity.test.ts',
  },
  {
    name: 'Store: an earlier raft term goes unnoticed',
    file: `${reflector}/store-position.ts`,
    find: 'answer.raftTerm < raftTerm',
    replace: 'false',
    test: 'packages/etcd/src/reflector/reflector.test.ts',
  },
  {
    name: 'Store: every return is another store',
    file: `${reflector}/store-recognizer.ts`,
    find: "if (!probe.isAsKnown(answer, hasValues)) this.#isOther('history_differs')",
    replace: "if (probe !== undefined) this.#isOther('history_differs')",
    test: 'test/integration/store-truth/identity.test.ts',
  },
  {
    name: 'Store: the pages of a list may be of two stores',
    file: `${reflector}/list-ranges.ts`,
    find: "if (recognition.type === 'other') throw twoStores()",
    replace: '',
    test: 'test/integration/store-truth/identity.test.ts',
  },
  {
    name: 'Store: answers of another cluster are taken',
    file: `${transport}/store-identity.ts`,
    find: 'else if (id !== this.#clusterId) return this.#refuse(id, endpoint, place)',
    replace: '',
    test: 'test/integration/store-truth/identity.test.ts',
  },
  {
    name: 'Cluster: a refusal counts whoever said it',
    file: `${transport}/prove-status.ts`,
    find: 'if (!attempt.hasHeader || !isFact(error) || (expected === undefined && isAlone)) return undefined',
    replace: 'return undefined',
    test: 'packages/etcd/src/transport/prove-status.test.ts',
  },
  {
    name: 'Cluster: the member behind a refusal is asked each time',
    file: `${transport}/prove-status.ts`,
    find: 'if (expected !== undefined && connection.clusterOf(session) === expected) return undefined',
    replace: '',
    test: 'packages/etcd/src/transport/prove-status.test.ts',
  },
  {
    name: 'Cluster: a member away for a moment has left',
    file: `${transport}/endpoint.ts`,
    find: 'this.#failedAt - this.#failingSince >= GONE_MS',
    replace: 'true',
    test: 'packages/etcd/src/transport/cluster-replaced.test.ts',
  },
  {
    name: 'Cluster: a member that stays away never leaves',
    file: `${transport}/endpoint.ts`,
    find: 'this.#failedAt - this.#failingSince >= GONE_MS',
    replace: 'false',
    test: 'packages/etcd/src/transport/cluster-replaced.test.ts',
  },
  {
    name: 'Cluster: what failed long ago has left',
    file: `${transport}/endpoint.ts`,
    find: 'if (this.#failures === 0 || !this.#isFresh(now)) this.#failingSince = now',
    replace: 'if (this.#failures === 0) this.#failingSince = now',
    test: 'packages/etcd/src/transport/cluster-replaced.test.ts',
  },
  {
    name: 'Cluster: a full endpoint is as good as another',
    file: `${transport}/connection.ts`,
    find: 'return this.#openCalls >= this.maxCalls',
    replace: 'return false',
    test: 'packages/etcd/src/transport/full-connection.test.ts',
  },
  {
    name: 'Cluster: what waits for room waits for ever',
    file: `${transport}/room-wait.ts`,
    find: 'if (other?.hasRoom) {',
    replace: 'if (other?.hasRoom && attempt.isSent) {',
    test: 'packages/etcd/src/transport/full-connection.test.ts',
  },
  {
    name: 'Call: each request of a call has the whole of its time',
    file: `${etcd}/call-deadline.ts`,
    find: 'return this.#timeoutMs - (monotonicNow(this.#clock) - this.#startedAt)',
    replace: 'return this.#timeoutMs - (monotonicNow(this.#clock) - this.#startedAt) / 2',
    test: 'packages/etcd/src/call-deadline.test.ts',
  },
  {
    name: 'Call: an abort is not heard',
    file: `${transport}/call-limits.ts`,
    find: "signal?.addEventListener('abort', onAbort)",
    replace: '',
    test: 'test/integration/etcd-call-ends.test.ts',
  },
  {
    name: 'Call: close leaves calls to themselves',
    file: `${transport}/channel.ts`,
    find: 'for (const call of [...this.#context.open]) call.stop(error)',
    replace: '',
    test: 'packages/etcd/src/transport/close.test.ts',
  },
  {
    name: 'Call: what was sent and given up counts as not sent',
    file: `${transport}/unary-call.ts`,
    find: "const fate = attempt?.isSent ? 'unknown' : 'not_sent'",
    replace: "const fate = 'not_sent'",
    test: 'test/integration/etcd-call-ends.test.ts',
  },
  {
    name: 'Call: a stream that was given up goes on',
    file: `${transport}/stream-call.ts`,
    find: "signal.addEventListener('abort', this.#onAbort)",
    replace: '',
    test: 'test/integration/etcd-call-ends.test.ts',
  },
  {
    name: 'Call: a token is waited for as long as one Authenticate takes',
    file: `${transport}/fetch-token.ts`,
    find: 'if (!mayHeal(error, balancer.size) || !waiter.isPatient(error)) throw error',
    replace: 'throw error',
    test: 'packages/etcd/src/transport/fetch-token.test.ts',
  },
  {
    name: 'Close: undici alone knows the sockets',
    file: `${transport}/connection.ts`,
    find: 'if (socket !== undefined) this.#sockets.add(socket)',
    replace: '',
    test: 'packages/etcd/src/transport/close.test.ts',
  },
  {
    name: 'Close: endpoints that are out of use are forgotten',
    file: `${transport}/balancer.ts`,
    find: 'const all = [...this.#endpoints, ...this.#others.values(), ...this.#left]',
    replace: 'const all = [...this.#endpoints, ...this.#others.values()]',
    test: 'packages/etcd/src/transport/close.test.ts',
  },
  {
    name: 'Close: an endpoint connects after its end',
    file: `${transport}/endpoint.ts`,
    find: 'if (this.#isOver) void next.destroy()',
    replace: '',
    test: 'packages/etcd/src/transport/close.test.ts',
  },
]
