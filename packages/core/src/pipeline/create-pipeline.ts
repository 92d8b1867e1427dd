import { checkOptions, type OptionTable } from '../check-options.ts'
import { fingerprintOf, schemaNodeAt } from '../schema/describe.ts'
import { assertBounded } from '../schema/assert-bounded.ts'
import { assertEnvironmentNames } from '../schema/assert-environment-names.ts'
import { fixedWords } from '../schema/fixed-words.ts'
import type { SchemaNode } from '../schema/schema-node.ts'
import { flag } from '../option-kinds.ts'
import type { Leaf, PatchUpdate, ReplaceUpdate } from '../source/source.ts'
import { KeySet } from '../encryption/key-set.ts'
import { assertMounts } from './assert-mounts.ts'
import { assertReadOnce } from './assert-read-once.ts'
import { Decoder } from './decode.ts'
import { diffValues } from './diff.ts'
import { explainPath } from './explain.ts'
import { Guard } from './guard.ts'
import type { GuardMemory } from './guard-memory.ts'
import { guardedSource } from './guarded-source.ts'
import { holdingPromises } from '../holding-promises.ts'
import { limitedIssues } from './issue-limit.ts'
import { GUARD_OPTIONS, guardKind, unusedKind } from './judging-options.ts'
import { IssueWriter } from './issue-writer.ts'
import { type LeafList, leafList } from './leaf-list.ts'
import { LayerTree } from './layer-tree.ts'
import { LivetreeError } from '../errors.ts'
import type { Path } from '../issue.ts'
import type {
  EarlierState,
  EvaluateOptions,
  Outcome,
  Pipeline,
  Judged,
  Preview,
  RestartsOf,
  SourcePatch,
  StagedUpdate,
  ValidOutcome,
} from './outcome.ts'
import type { PipelineSource } from './pipeline-source.ts'
import { redact } from './redact.ts'
import type { GuardOptions } from './removal-judge.ts'
import { SourceLayers } from './source-layers.ts'
import { StoredTrees } from './stored-trees.ts'
import { structureIssues } from './structure.ts'
import { withoutTrace } from './trial.ts'
import { type FoundUnused, unusedIssue, UnusedKeyList } from './unused-keys.ts'

export interface PipelineOptions {
  /** How a key that the schema does not know is handled. Default `warn`, which the pipeline treats as `ignore`. */
  readonly unused?: 'ignore' | 'warn' | 'reject'
  /** False switches the guard off. */
  readonly guard?: GuardOptions | false
  /** True where `naming` writes properties other than they are. */
  readonly isRenamed?: boolean
  /** What encrypted leaves are opened with. Default: no keys. */
  readonly keys?: KeySet | undefined
  /** The keys of which those that the schema does not know are listed, also where their layer ignores them. Default: all of the others. */
  readonly reported?: ReadonlySet<string> | undefined
}

/**
 * Puts the pipeline together. The steps of one evaluation, in order:
 * 1. `stage` has put every changed leaf in its place, over all layers (layer-tree)
 * 2. what makes a tree invalid whatever the schema says: a document with keys below it, a scalar for a directory (structure)
 * 3. what was removed against what was accepted (guard)
 * 4. decode and validate what changed; assemble the rest from earlier results (decode, input, validate)
 * 5. freeze, sharing every part that is equal with the last accepted value (share)
 *
 * @throws LivetreeError `name_clash` when a layer holds environment variables and two properties share one;
 * `invalid_options` for an option that is unknown or wrong, when a layer is mounted where the schema has nothing, or when two
 * layers of a source bring the same keys to the same place;
 * `invalid_schema` when every value would be too large
 */
export function createPipeline<T>(
  schemaNode: SchemaNode,
  sources: readonly PipelineSource[],
  options: PipelineOptions = {},
): Pipeline<T> {
  checkOptions('createPipeline()', options, OPTIONS)
  if (options.guard) checkOptions('createPipeline({ guard })', options.guard, GUARD_OPTIONS)
  return new LayeredPipeline<T>(schemaNode, sources, options)
}

const OPTIONS: OptionTable = {
  unused: unusedKind,
  guard: guardKind,
  isRenamed: flag,
  keys: { expected: 'a KeySet', test: (keys) => keys instanceof KeySet },
  reported: { expected: 'a set of keys', test: (reported) => reported instanceof Set },
}

class LayeredPipeline<T> implements Pipeline<T> {
  readonly fingerprint: string
  readonly #schemaNode: SchemaNode
  readonly #options: PipelineOptions
  readonly #layers: SourceLayers
  readonly #tree: LayerTree
  readonly #decoder: Decoder
  /** Asked for before there is a value that could have got into them. */
  readonly #fixedWords: ReadonlySet<string>
  readonly #guard: Guard
  readonly #stored: StoredTrees
  readonly #unusedKeys = new UnusedKeyList()
  #accepted: { value: T } | undefined
  /** The schema's own code may be running. */
  #isJudging = false

  constructor(schemaNode: SchemaNode, sources: readonly PipelineSource[], options: PipelineOptions) {
    this.#schemaNode = schemaNode
    this.#options = options
    this.fingerprint = fingerprintOf(schemaNode)
    this.#fixedWords = schemaNode.hasSecret ? holdingPromises(() => fixedWords(schemaNode.schema)) : new Set()
    this.#layers = new SourceLayers(sources, options.reported)
    const layers = this.#layers.all
    holdingPromises(() => assertBounded(schemaNode.schema))
    assertMounts(schemaNode, layers)
    const naming = { isRenamed: options.isRenamed ?? false }
    assertReadOnce(schemaNode, layers, naming)
    if (layers.some((layer) => layer.naming === 'env')) assertEnvironmentNames(schemaNode)
    this.#tree = new LayerTree(schemaNode, layers, { ...naming, keys: options.keys })
    this.#decoder = new Decoder(
      schemaNode,
      this.#tree,
      layers.map((layer) => layer.isNested === true),
    )
    const guarded = sources.map((source, index) => guardedSource(source, this.#layers.first(index)))
    this.#guard = new Guard(this.#tree, guarded, options.guard === false ? {} : (options.guard ?? {}))
    this.#stored = new StoredTrees({
      schemaNode,
      tree: this.#tree,
      guard: this.#guard,
      layers: this.#layers,
    })
  }

  stageEarly(source: number, layer: number, list: LeafList): void {
    this.#tree.putEarly(this.#layers.first(source) + layer, list)
  }

  stage(source: number, staged: StagedUpdate): void {
    if (staged.type === 'replace' && staged.isFallback !== true) this.#stored.complete(source, staged.update)
    this.#allowing(source, staged.update, () => this.#stageLeaves(source, staged))
  }

  /** Stages by `stageLeaves`, and allows the removals that the update allows. */
  #allowing(source: number, { allowRemoval }: PatchUpdate | ReplaceUpdate, stageLeaves: () => void): void {
    const stage = () => {
      stageLeaves()
      this.#tree.settle()
    }
    if (allowRemoval === true || Array.isArray(allowRemoval)) {
      const removed = this.#tree.losses.removedBy(stage)
      this.#guard.allow(source, removed, allowRemoval)
    } else stage()
  }

  #stageLeaves(source: number, staged: StagedUpdate): void {
    const first = this.#layers.first(source)
    if (staged.type === 'patch') {
      for (const change of staged.update.changes) this.#tree.set(first + change.layer, change.leaf)
      return
    }
    const { isFallback = false, update, lists = update.layers.map(leafList) } = staged
    for (const [index, list] of lists.entries()) this.#tree.replace(first + index, list)
    this.#guard.replaced(source, update, isFallback)
  }

  attempt(source: number, updates: readonly PatchUpdate[], now?: number): ValidOutcome<T> | undefined {
    const first = this.#layers.first(source)
    const refused = this.#guard.refused()
    const undo: { layer: number; leaf: Leaf }[] = []
    try {
      for (const { layer, leaf } of updates.flatMap((update) => update.changes)) {
        undo.push({ layer: first + layer, leaf: this.#tree.set(first + layer, leaf) })
      }
      const outcome = this.evaluate({ now })
      if (outcome.type !== 'rejected') return outcome
    } catch {
      // one by one, the update that breaks the pipeline can be identified
    }
    for (const { layer, leaf } of undo.reverse()) this.#tree.set(layer, leaf)
    this.#guard.takeBack(refused)
    return undefined
  }

  useKeys(keys: KeySet): void {
    this.#tree.useKeys(keys)
    this.#tree.settle()
  }

  preview(updates: readonly SourcePatch[], now = 0, restartsOf: RestartsOf<T> = () => []): Preview {
    if (this.#isJudging)
      throw new LivetreeError('internal', 'A tree is being judged: the schema asks for a preview.')
    const parts = { tree: this.#tree, decoder: this.#decoder, guard: this.#guard, unused: this.#unusedKeys }
    const stage = (set: (layer: number, leaf: Leaf) => void) => {
      for (const { source, update } of updates) {
        const first = this.#layers.first(source)
        this.#allowing(source, update, () => {
          for (const { layer, leaf } of update.changes) set(first + layer, leaf)
        })
      }
    }
    return withoutTrace(parts, stage, () => {
      const judged = this.#judge({ now })
      const { unused } = judged
      if (judged.type === 'rejected') return { type: 'invalid', issues: judged.issues, unused }
      const changes = this.#accepted === undefined ? [] : this.diff(this.#accepted.value, judged.value)
      return { type: 'valid', changes, needsRestart: restartsOf(judged.value), unused }
    })
  }

  evaluate(options?: EvaluateOptions): Outcome<T> {
    const judged = this.#judge(options)
    if (judged.type === 'rejected') return judged
    const { value, unused } = judged
    const isSame = this.#accepted !== undefined && Object.is(this.#accepted.value, value)
    this.#accepted = { value }
    this.#guard.accept(options?.now ?? 0)
    return { type: isSame ? 'unchanged' : 'accepted', value, unused }
  }

  /** Validates the staged layers. Changes nothing except the losses that the guard counts. */
  #judge(options: EvaluateOptions = {}): Judged<T> {
    this.#isJudging = true
    try {
      return holdingPromises(() => this.#judgeStaged(options))
    } finally {
      this.#isJudging = false
    }
  }

  #judgeStaged({ now = 0, guardsInvalid = false }: EvaluateOptions): Judged<T> {
    this.#tree.settle()
    const writer = this.#newWriter()
    const decoded = this.#decoder.decode(this.#accepted?.value)
    const { keys: unused, more } = this.#unused(writer)
    const invalid = this.#decoder.issues()
    const isUnusedWrong = this.#options.unused === 'reject'
    const found = [
      ...structureIssues(this.#tree, writer).map((issue) => () => issue),
      ...(isUnusedWrong ? unused.map((key) => () => unusedIssue(key, writer)) : []),
      ...invalid.found.map((issue) => () => writer.invalid(issue)),
    ]
    const issues = limitedIssues(found, invalid.unlisted + (isUnusedWrong ? more : 0), writer)
    this.#guard.settle()
    const isGuarded = this.#options.guard !== false && (issues.length === 0 || guardsInvalid)
    if (isGuarded) issues.push(...this.#guard.issues(writer, now))
    if (issues.length > 0 || !decoded.isValid) return { type: 'rejected', issues, unused }
    return { type: 'valid', value: decoded.value as T, unused }
  }

  compareWith(earlier: ReadonlyMap<number, EarlierState>, now: number): void {
    this.#stored.compareWith(earlier, now)
  }

  allowedRemovals(source: number) {
    return this.#guard.allowed(source)
  }

  allowRemovals(source: number, allowed: readonly ReadonlySet<string>[]): void {
    this.#guard.allowAgain(source, allowed)
  }

  guardMemory(source: number, options = { withSecrets: true }): GuardMemory {
    return this.#stored.memory(source, options)
  }

  #unused(writer: IssueWriter): FoundUnused {
    if (this.#decoder.unused.size === 0 && this.#tree.unplaceable.size === 0) return NONE
    return this.#unusedKeys.list(this.#tree, this.#decoder, writer, this.#layers.isIgnored)
  }

  diff(previous: T, next: T) {
    return diffValues(this.#schemaNode, previous, next)
  }

  explain(path: string | Path) {
    const writer = this.#newWriter()
    const value = this.#accepted?.value
    return explainPath(this.#schemaNode, writer, { value, isOfTree: this.#tree.root.value === value }, path)
  }

  redact(value: unknown, path: Path = []): unknown {
    return redact(value, schemaNodeAt(this.#schemaNode, path))
  }

  leaves(source: number, options: { withSecrets: boolean }) {
    return this.#stored.leaves(source, options)
  }

  withheld(source: number, options: { withSecrets: boolean }) {
    return this.#stored.withheld(source, options)
  }

  stagedLeaves(source: number) {
    return this.#stored.all(source)
  }

  #newWriter(): IssueWriter {
    return new IssueWriter(this.#schemaNode, this.#tree.root, this.#layers.all, this.#fixedWords, this.#tree)
  }
}

const NONE: FoundUnused = { keys: Object.freeze([]), more: 0 }
