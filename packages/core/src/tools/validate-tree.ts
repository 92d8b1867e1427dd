import { disown } from '../callback.ts'
import type { $ZodType, output } from 'zod/v4/core'
import type { ConfigDefinition } from '../config-definition.ts'
import type { DeepReadonly } from '../deep-readonly.ts'
import { type KeySet, PLAIN_TEXTS } from '../encryption/key-set.ts'
import { LivetreeError } from '../errors.ts'
import type { Issue, Path, UnusedKey } from '../issue.ts'
import { createPipeline } from '../pipeline/create-pipeline.ts'
import type { Change, ExplainedLayer, Pipeline } from '../pipeline/outcome.ts'
import { shareFrozen } from '../pipeline/share.ts'
import type { SchemaNode } from '../schema/schema-node.ts'
import { readCall } from '../updates/sink-contract.ts'
import type { SourceReading } from './read-once.ts'

/** The leaves of one source that are to be validated: a `SourceReading`, or one with other leaves. */
export type CandidateSource = Pick<SourceReading, 'name' | 'layers' | 'leaves'>

interface TreeResult {
  /** Keys that the schema does not know; with `unused: 'reject'` they are among the issues as well. */
  readonly unused: readonly UnusedKey[]
  /** What each layer holds at a path, the highest first; see `LiveConfig.explain`. `value` is that of a valid tree. */
  explain(path: string | Path): {
    readonly path: Path
    readonly value: unknown
    readonly layers: readonly ExplainedLayer[]
  }
}

/** A tree that the schema takes. */
export interface ValidTree<T> extends TreeResult {
  readonly type: 'valid'
  /** Frozen all the way down, as `current` would be. */
  readonly value: T
  /** A copy of the value in which every secret reads `[secret]`. */
  redacted(): unknown
  /** How a later valid tree of the same definition differs, leaf by leaf; secrets read `[secret]`. */
  changesTo(next: T): readonly Change[]
}

/** A tree that the schema refuses. */
export interface InvalidTree extends TreeResult {
  readonly type: 'invalid'
  /** Every problem, with path, keys and layers. Never holds a secret. */
  readonly issues: readonly Issue[]
}

/**
 * Validates the leaves of sources, lowest precedence first, as `load` would, by the same pipeline, and without opening
 * anything. The guard against mass removals is not asked, since there is no earlier tree.
 *
 * @param keys open encrypted values. Default: none, and plain text stands for them
 * @throws LivetreeError `invalid_options` for leaves or layers of another form, or a layer mounted where the schema has
 *   nothing; `name_clash` when environment variables share a name
 */
export function validateTree<S extends $ZodType>(
  definition: ConfigDefinition<S>,
  sources: readonly CandidateSource[],
  { keys = PLAIN_TEXTS }: { readonly keys?: KeySet } = {},
): ValidTree<DeepReadonly<output<S>>> | InvalidTree {
  const { compiled, naming, unused } = definition
  disown(sources)
  const candidates = Array.from(sources, (source, index) => ownCandidate(source, `sources[${index}]`))
  const pipeline = createPipeline<DeepReadonly<output<S>>>(compiled, candidates, {
    unused,
    guard: false,
    isRenamed: naming !== 'exact',
    keys,
  })
  for (const [index, { leaves }] of candidates.entries())
    pipeline.stage(index, { type: 'replace', update: { revision: 0, epoch: 0, layers: leaves } })
  return resultOf(pipeline, compiled)
}

function resultOf<T>(pipeline: Pipeline<T>, compiled: SchemaNode): ValidTree<T> | InvalidTree {
  const outcome = pipeline.evaluate()
  const { unused } = outcome
  const explain = (path: string | Path) => pipeline.explain(path)
  if (outcome.type === 'rejected') return { type: 'invalid', issues: outcome.issues, unused, explain }
  const { value } = outcome
  return {
    type: 'valid',
    value,
    unused,
    explain,
    redacted: () => pipeline.redact(value),
    // a difference of two snapshots is found by identity, and the other was made by a pipeline of its own
    changesTo: (next) => pipeline.diff(value, shareFrozen(value, next, compiled) as T),
  }
}

/** @throws LivetreeError `invalid_options` */
function ownCandidate(source: CandidateSource, at: string): CandidateSource {
  const { name, layers, leaves } = source
  const refuse = (problem: string): never => {
    throw new LivetreeError('invalid_options', `validateTree() ${at} ${problem}.`)
  }
  if (!Array.isArray(layers) || !Array.isArray(leaves) || layers.length !== leaves.length)
    return refuse('needs a list of leaves for each of its layers')
  const read = readCall('replace', { revision: 0, epoch: 0, layers: leaves })
  if (read.type === 'malformed') return refuse(read.problem)
  return { name, layers, leaves: read.argument.layers }
}
