import type { Pipeline } from '../pipeline/outcome.ts'
import { holdsRestart, isRestartAt } from '../schema/restart.ts'
import type { SchemaNode } from '../schema/schema-node.ts'

const NONE: readonly string[] = Object.freeze([])

/** Knows which values the application still runs with, though `current` has others: those that `restart()` marks. */
export class Restarts<T> {
  readonly #pipeline: Pick<Pipeline<T>, 'diff'>
  readonly #schemaNode: SchemaNode
  #started: { readonly value: T } | undefined = undefined
  #last: { readonly value: T; readonly paths: readonly string[] } | undefined = undefined

  constructor(schemaNode: SchemaNode, pipeline: Pick<Pipeline<T>, 'diff'>) {
    this.#schemaNode = schemaNode
    this.#pipeline = pipeline
  }

  /** The application starts with this value. */
  begin(value: T): void {
    if (holdsRestart(this.#schemaNode.schema)) this.#started = { value }
  }

  /** The paths whose value is another one now, in the order of the schema; the same list for the same value. */
  pending(value: T): readonly string[] {
    if (this.#started === undefined) return NONE
    if (this.#last === undefined || !Object.is(this.#last.value, value))
      this.#last = { value, paths: this.differing(value) }
    return this.#last.paths
  }

  /** As `pending`, of a value that is not in service, and is not remembered. */
  readonly differing = (value: T): readonly string[] => {
    if (this.#started === undefined) return NONE
    const changes = this.#pipeline.diff(this.#started.value, value)
    const paths = changes.filter(({ path }) => isRestartAt(this.#schemaNode, path))
    return Object.freeze(paths.map(({ pathText }) => pathText))
  }
}
