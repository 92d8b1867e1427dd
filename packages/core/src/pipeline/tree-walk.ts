import type { SchemaNode } from '../schema/schema-node.ts'
import type { ReadingNotes } from './reading-notes.ts'
import type { TreeNode } from './tree-node.ts'
import type { RawIssue } from './validate.ts'
import { AcceptedInputs } from './accepted-inputs.ts'

/** The result of reading a node for a union or an intersection, kept so that nested ones do not read it once per level. */
interface Reading {
  readonly schemaNode: SchemaNode
  readonly aboveLayer: number
  readonly input: unknown
  readonly issues: readonly RawIssue[]
}

/** What is found once in one walk over a tree. */
export class TreeWalk {
  readonly #readings = new Map<TreeNode, Reading[]>()
  readonly acceptedInputs = new AcceptedInputs()
  readonly notes: ReadingNotes

  constructor(notes: ReadingNotes) {
    this.notes = notes
  }

  /** What a schema node read at a tree node. If that is not known yet, calls `make`, which adds to the issues it is given. */
  reading(
    schemaNode: SchemaNode,
    node: TreeNode,
    aboveLayer: number,
    make: (issues: RawIssue[]) => unknown,
  ): Reading {
    const isSame = (one: Reading) => one.schemaNode === schemaNode && one.aboveLayer === aboveLayer
    const known = this.#readings.get(node)?.find(isSame)
    if (known !== undefined) return known
    const issues: RawIssue[] = []
    const reading = { schemaNode, aboveLayer, input: make(issues), issues }
    // Reading it may have had other schema nodes read the same node.
    this.#readings.set(node, [...(this.#readings.get(node) ?? []), reading])
    return reading
  }
}
