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
