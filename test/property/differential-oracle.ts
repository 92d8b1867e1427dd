import type { core } from 'zod'
import { createPipeline } from '../../packages/core/src/pipeline/create-pipeline.ts'
import { inputOf } from '../../packages/core/src/pipeline/input.ts'
import { IssueWriter } from '../../packages/core/src/pipeline/issue-writer.ts'
import type { RawIssue } from '../../packages/core/src/pipeline/validate.ts'
import { LayerTree } from '../../packages/core/src/pipeline/layer-tree.ts'
import { structureIssues } from '../../packages/core/src/pipeline/structure.ts'
import { compileSchema } from '../../packages/core/src/schema/compile-schema.ts'
import type { LayerInfo, Leaf } from '../../packages/core/src/source/source.ts'
import type { ArbitrarySchema } from './arbitrary-schema.ts'

const layer = (name: string, isNested: boolean): LayerInfo => ({
  name,
  keyPrefix: `/${name}/`,
  separator: '/',
  naming: 'stored',
  isNested,
})

/** Three layers of two sources; in the lowest and the highest a directory is an object, as in a file. */
export const LAYERS: readonly LayerInfo[] = [layer('file', true), layer('base', false), layer('prod', true)]
const NESTED = LAYERS.map(({ isNested }) => isNested === true)
const SOURCES = [
  { name: 'file', layers: [LAYERS[0]!] },
  { name: 'etcd', layers: [LAYERS[1]!, LAYERS[2]!] },
]

export interface Edit {
  readonly layer: number
  readonly path: string
  readonly value: unknown
}

const isBelow = (path: readonly string[], other: readonly string[]) =>
  other.length > path.length && path.every((segment, index) => segment === other[index])

/** A tree in which every scalar the schema has is given a text that fits. */
export const completeTree = (schema: ArbitrarySchema): Edit[] =>
  schema.spots
    .filter(({ path, texts }) => texts.length > 0 && !schema.spots.some((other) => isBelow(path, other.path)))
    .map(({ path, texts }) => ({ layer: 1, path: path.join('/'), value: texts[0] }))

/** What every layer holds, by path: the plain truth that the pipeline is held against. */
export type Held = Map<string, unknown>[]

/** A pipeline fed by edits, as patches of its sources or as replaces of a whole one. */
export function createPipelineForTest(schema: core.$ZodType) {
  const pipeline = createPipeline<unknown>(compileSchema(schema), SOURCES, { guard: false })
  let revision = 0
  return {
    apply(edits: readonly Edit[], held: Held, isReplace: boolean): void {
      revision++
      for (const { layer: number, path, value } of edits) {
        if (value === undefined) held[number]!.delete(path)
        else held[number]!.set(path, value)
      }
      const leavesOf = (number: number): Leaf[] =>
        [...held[number]!].map(([path, value]) => ({ path, value, revision }))
      if (isReplace) {
        pipeline.stage(0, { type: 'replace', update: { revision, epoch: 0, layers: [leavesOf(0)] } })
        pipeline.stage(1, {
          type: 'replace',
          update: { revision, epoch: 0, layers: [leavesOf(1), leavesOf(2)] },
        })
        return
      }
      for (const { layer: number, path, value } of edits) {
        const leaf: Leaf = { path, value, revision }
        const source = number === 0 ? 0 : 1
        pipeline.stage(source, {
          type: 'patch',
          update: { revision, changes: [{ layer: number - source, leaf }] },
        })
      }
    },
    evaluate: () => pipeline.evaluate(),
  }
}

/** The same layers read at once, from nothing: what zod is given by a full parse. `isBroken`: no schema could save it. */
export function inputOfHeld(schema: core.$ZodType, held: Held): { isBroken: boolean; input: unknown } {
  const plan = compileSchema(schema)
  const tree = new LayerTree(plan, LAYERS, { isRenamed: false })
  for (const [number, leaves] of held.entries()) {
    for (const [path, value] of leaves) tree.set(number, { path, value, revision: 1 })
  }
  const issues: RawIssue[] = []
  const input = inputOf(plan, tree.root, -1, issues, NESTED)
  const named = LAYERS.map((info, index) => ({ ...info, source: index === 0 ? 'file' : 'etcd' }))
  const structure = structureIssues(tree, new IssueWriter(plan, tree.root, named))
  return { isBroken: structure.length > 0 || issues.length > 0, input }
}
