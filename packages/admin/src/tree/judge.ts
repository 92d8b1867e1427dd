import type { ConfigDefinition, Issue, Path, UnusedKey } from '@livetree/core'
import {
  type CandidateSource,
  coverOf,
  createPipeline,
  holdsEncryptedInside,
  isEncryptedInsideAt,
  KeySet,
  type Outcome,
  type Pipeline,
} from '@livetree/core/tools'
import type { ReplaceUpdate } from '@livetree/core/source'
import type { StoreEntry } from 'livetree/operate'
import type { $ZodType } from 'zod/v4/core'
import { translatedNow } from '../translate-error.ts'
import type { Workspace } from '../workspace.ts'
import { candidatesOf, type TreeState } from './tree-state.ts'

/** What the schema says of a tree. */
export interface Judgement {
  readonly issues: readonly Issue[]
  readonly unused: readonly UnusedKey[]
  /** Issues of encrypted values that cannot be judged here, since there are no keys: instances have them. */
  readonly unopened: readonly Issue[]
  /** The value of a valid tree; frozen. */
  readonly value: unknown
  readonly isValid: boolean
}

/** A leaf that differs between two valid trees; secrets read `[secret]`. */
export type ValueChange = ReturnType<Pipeline<unknown>['diff']>[number]

/** Judges trees of one definition and its sources, one after the other, as a running instance would. */
export class Judge {
  readonly #workspace: Workspace
  readonly #pipeline: Pipeline<unknown>
  /** Refuses plain text at encrypted places, where `#pipeline` takes it; undefined where `#pipeline` refuses it. */
  readonly #strict: Pipeline<unknown> | undefined
  readonly #state: TreeState
  readonly #own: number
  readonly #sources: readonly CandidateSource[]
  #isFirst = true

  constructor(workspace: Workspace, state: TreeState, options: { readonly isGuarded: boolean }) {
    this.#workspace = workspace
    this.#state = state
    const { definition, own } = workspace.settings
    this.#own = own
    const sources = candidatesOf(workspace, state, new Map())
    this.#sources = sources
    const { keys } = state
    const made = (own: KeySet) =>
      translatedNow(() => pipelineOf(definition, sources, { ...options, keys: own }))
    const isStrict = keys.plaintext === 'accept' || !holdsEncryptedInside(definition)
    this.#pipeline = made(isStrict ? keys : accepting(keys))
    this.#strict = isStrict ? undefined : made(keys)
    for (const pipeline of this.#pipelines) stageOthers(pipeline, sources, own)
  }

  /**
   * Judges the tree with these keys of the store. What the next tree has lost is compared with it, also where it is invalid:
   * instances still serve the last valid one, of which this one is the nearest that is known.
   *
   * @param isAllowed whether what it removes is meant
   */
  judge(entries: ReadonlyMap<string, StoreEntry>, isAllowed = false): Judgement {
    const layers = this.#workspace.settings.store.leavesOf(entries)
    const isFirst = this.#isFirst
    const update = { revision: 0, epoch: 0, layers, allowRemoval: isAllowed && !isFirst }
    this.#isFirst = false
    return translatedNow(() => {
      this.#stage(this.#own, update)
      const judged = judgementOf(this.#pipeline.evaluate({ guardsInvalid: true }), this.#state.keys)
      const judgement = withIssues(judged, this.#plainIssues())
      if (isFirst && !judgement.isValid)
        this.#pipeline.compareWith(new Map([[this.#own, { layers, memory: undefined }]]), 0)
      return judgement
    })
  }

  /** Those of these keys that the schema does not know, also in layers that ignore such keys, and where words hide them. */
  unusedOf(entries: ReadonlyMap<string, StoreEntry>, reported: ReadonlySet<string>): readonly UnusedKey[] {
    const { definition, store } = this.#workspace.settings
    const { keys } = this.#state
    return translatedNow(() => {
      const pipeline = pipelineOf(definition, this.#sources, { isGuarded: false, keys, reported })
      stageOthers(pipeline, this.#sources, this.#own)
      const isShown = ([key, { value }]: readonly [string, StoreEntry]) =>
        reported.has(key) || coverOf(value) === undefined
      const shown = new Map([...entries].filter(isShown))
      const update = { revision: 0, epoch: 0, layers: store.leavesOf(shown) }
      pipeline.stage(this.#own, { type: 'replace', update })
      return pipeline.evaluate().unused
    })
  }

  get #pipelines(): readonly Pipeline<unknown>[] {
    return this.#strict === undefined ? [this.#pipeline] : [this.#pipeline, this.#strict]
  }

  #stage(index: number, update: ReplaceUpdate): void {
    for (const pipeline of this.#pipelines) pipeline.stage(index, { type: 'replace', update })
  }

  /** Issues of plain texts at encrypted places, except where only something inside a place is encrypted. */
  #plainIssues(): readonly Issue[] {
    const outcome = this.#strict?.evaluate()
    if (outcome?.type !== 'rejected') return []
    const { definition } = this.#workspace.settings
    return outcome.issues.filter(
      ({ code, path }) => code === 'not_encrypted' && !isEncryptedInsideAt(definition, path),
    )
  }

  /** What each layer has at a path of the last validated tree. */
  explain(path: string | Path) {
    return this.#pipeline.explain(path)
  }

  /** A copy of a value in which every secret reads `[secret]`. */
  redact(value: unknown): unknown {
    return this.#pipeline.redact(value)
  }

  /** How two values differ that were found valid here. */
  diff(previous: unknown, next: unknown): readonly ValueChange[] {
    return this.#pipeline.diff(previous, next)
  }

  /** The state whose other sources are used. */
  get state(): TreeState {
    return this.#state
  }
}

interface PipelineChoice {
  readonly isGuarded: boolean
  readonly keys: KeySet
  readonly reported?: ReadonlySet<string> | undefined
}

function pipelineOf(
  { compiled, unused, naming, guard }: ConfigDefinition<$ZodType>,
  sources: readonly CandidateSource[],
  { isGuarded, keys, reported }: PipelineChoice,
): Pipeline<unknown> {
  return createPipeline<unknown>(compiled, sources, {
    unused,
    guard: isGuarded ? guard : false,
    isRenamed: naming !== 'exact',
    keys,
    reported,
  })
}

function stageOthers(pipeline: Pipeline<unknown>, sources: readonly CandidateSource[], own: number): void {
  for (const [index, { leaves }] of sources.entries())
    if (index !== own)
      pipeline.stage(index, { type: 'replace', update: { revision: 0, epoch: 0, layers: leaves } })
}

/** The same keys, which accept plain text. */
function accepting(keys: KeySet): KeySet {
  const { current, absence } = keys
  return new KeySet({ keys: keys.keysBeside([]), current, absence, plaintext: 'accept' })
}

function withIssues(judgement: Judgement, issues: readonly Issue[]): Judgement {
  if (issues.length === 0) return judgement
  return { ...judgement, issues: [...issues, ...judgement.issues], value: undefined, isValid: false }
}

function judgementOf(outcome: Outcome<unknown>, keys: KeySet): Judgement {
  const { unused } = outcome
  if (outcome.type !== 'rejected')
    return { issues: [], unopened: [], unused, value: outcome.value, isValid: true }
  const isUnopened = ({ code }: Issue) => keys.absence !== undefined && code === 'key_missing'
  const issues = outcome.issues.filter((issue) => !isUnopened(issue))
  return { issues, unopened: outcome.issues.filter(isUnopened), unused, value: undefined, isValid: false }
}
