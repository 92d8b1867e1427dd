import type { SchemaNode } from '../schema/schema-node.ts'
import type { ReadingNotes } from './reading-notes.ts'
import type { TreeNode } from './tree-node.ts'
import type { RawIssue } from './validate.ts'
import { Verdicts } from './verdicts.ts'

/** What a union or an intersection came to at a node, so that parts inside one another do not have it read again and again. */
interface Reading {
  readonly plan: SchemaNode
  readonly floor: number
  readonly input: unknown
  readonly issues: readonly RawIssue[]
}

/** What is found once in one walk over a tree. */
export class TreeWalk {
  readonly #readings = new Map<TreeNode, Reading[]>()
  readonly verdicts = new Verdicts()
  readonly notes: ReadingNotes

  constructor(notes: ReadingNotes) {
    this.notes = notes
  }

  /** What a schema node read at a tree node. If that is not known yet, calls `make`, which adds to the issues it is given. */
  reading(plan: SchemaNode, node: TreeNode, floor: number, make: (issues: RawIssue[]) => unknown): Reading {
    const isSame = (one: Reading) => one.plan === plan && one.floor === floor
    const known = this.#readings.get(node)?.find(isSame)
    if (known !== undefined) return known
    const issues: RawIssue[] = []
    const reading = { plan, floor, input: make(issues), issues }
    // Reading it may have had other schema nodes read the same node.
    this.#readings.set(node, [...(this.#readings.get(node) ?? []), reading])
    return reading
  }
}
