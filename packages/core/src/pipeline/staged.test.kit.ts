import type * as z from 'zod/v4/core'
import { compileSchema } from '../schema/compile-schema.ts'
import type { Naming } from '../schema/naming.ts'
import type { LayerInfo, Leaf } from '../source/source.ts'
import { createPipeline, type PipelineOptions } from './create-pipeline.ts'
import type { Issue } from '../issue.ts'
import type { Outcome } from './outcome.ts'

/** Keys and what they hold; undefined takes a key away. */
export type Tree = Readonly<Record<string, unknown>>

/** A layer of a store: `/base/` before its keys, written by the definition's naming. */
export function storedLayer(name: string): LayerInfo {
  return { name, keyPrefix: `/${name}/`, separator: '/', naming: 'stored' }
}

export const envLayer: LayerInfo = { name: 'env', keyPrefix: 'APP_', separator: '__', naming: 'env' }

export interface StagedOptions extends PipelineOptions {
  readonly naming?: Naming
  /** Lowest first; each is a source of its own. Default `base` and `prod`. */
  readonly layers?: readonly LayerInfo[]
}

/** A pipeline whose sources are fed by hand; the revision goes up by one with each call. */
export function staged(schema: z.$ZodType, options: StagedOptions = {}) {
  const { naming = 'exact', layers = [storedLayer('base'), storedLayer('prod')], ...others } = options
  const sources = layers.map((layer) => ({ name: layer.name, layers: [layer] }))
  const pipeline = createPipeline<unknown>(compileSchema(schema, { naming }), sources, {
    isRenamed: naming !== 'exact',
    ...others,
  })
  let revision = 0
  let now = 0
  const leavesOf = (tree: Tree): Leaf[] =>
    Object.entries(tree).map(([path, value]) => ({ path, value, revision }))

  return {
    pipeline,
    /** Sets the clock, in milliseconds since the epoch. */
    at(ms: number): void {
      now = ms
    },
    /** Writes keys of one layer at one revision, and judges. */
    patch(layer: number, tree: Tree, more: { allowRemoval?: boolean } = {}): Outcome<unknown> {
      revision++
      const changes = leavesOf(tree).map((leaf) => ({ layer: 0, leaf }))
      pipeline.stage(layer, { type: 'patch', update: { revision, changes, ...more } })
      return pipeline.evaluate({ now })
    },
    /** Writes the whole of a layer, and judges. */
    replace(layer: number, tree: Tree, more: { allowRemoval?: boolean } = {}): Outcome<unknown> {
      revision++
      const update = { revision, epoch: 0, layers: [leavesOf(tree)], ...more }
      pipeline.stage(layer, { type: 'replace', update })
      return pipeline.evaluate({ now })
    },
  }
}

/** The value of an outcome that must not be a rejection. */
export function acceptedValue(outcome: Outcome<unknown>): unknown {
  if (outcome.type !== 'rejected') return outcome.value
  throw new Error(`rejected: ${JSON.stringify(outcome.issues, undefined, 2)}`)
}

/** The issues of an outcome that must be a rejection. */
export function issuesOf(outcome: Outcome<unknown>): readonly Issue[] {
  if (outcome.type === 'rejected') return outcome.issues
  throw new Error(`accepted: ${JSON.stringify(outcome.value)}`)
}

/** What a schema reads from a tree, in one layer. */
export function read(schema: z.$ZodType, tree: Tree): unknown {
  return acceptedValue(staged(schema).patch(0, tree))
}
