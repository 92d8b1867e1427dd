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

const livetree = 'packages/livetree/src/etcd-source'
const pipeline = 'packages/core/src/pipeline'
const live = 'packages/core/src/live'
const watch = 'packages/etcd/src/watch'
const promise = (file: string) => `test/integration/promises/${file}.test.ts`

/** For each promise of the README at least one fault in the code that keeps it. */
export const mutations: readonly Mutation[] = [
  {
    name: 'P1: the keys of one revision are applied one by one',
    file: `${livetree}/connection.ts`,
    find: 'if (changes.length > 0) context.sink.patch({ revision: batch.revision, changes, allowRemoval })',
    replace:
      'changes.forEach((change, index) => context.sink.patch({ revision: batch.revision - 1 + (index + 1) / changes.length, changes: [change], allowRemoval }))',
    test: promise('p01-atomic'),
  },
  {
    name: 'P1: the overlays are read at different revisions',
    file: `${livetree}/list-tree.ts`,
    find: 'readLayer(client, layer, { ...options, revision })',
    replace: 'readLayer(client, layer, options)',
    test: promise('p01-atomic'),
  },
]
