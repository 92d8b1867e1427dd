import type { Path } from '@livetree/core'
import { checkOptions, type OptionTable } from '@livetree/core/source'
import { AdminError } from '../errors.ts'
import { pathOf, type PathLike } from '../selector.ts'
import { assertLength } from '../transfer/formats.ts'
import { choosePrefix, type LayerChoice } from '../tree/target-layer.ts'
import { translatedNow } from '../translate-error.ts'
import type { CallOptions, Workspace } from '../workspace.ts'
import type { Step } from './draft.ts'
import { CALL_TABLE, LAYER_TABLE, revisionKind } from '../option-tables.ts'
import { type Plan, planDraft } from './plan.ts'

/** Options of `Admin.change`. */
export interface ChangeOptions extends LayerChoice {
  /** Refuse with `conflict` if a key of the change was written or removed after this revision. */
  readonly ifRevision?: number | undefined
}

/**
 * What is to be changed in one layer, step by step. Each step returns a new change set, and works on what the steps before
 * leave. Nothing is read or written before `plan()`.
 */
export interface ChangeSet<T> {
  /**
   * Sets a value, of the type that it has in the configuration. What stands below the path in this layer is replaced. Given
   * as text, the path and the value are checked when the change is planned.
   *
   * @throws AdminError `invalid_path` for a selector that names no place
   */
  set<V>(place: (config: T) => V, value: NoInfer<V>): ChangeSet<T>
  set(path: string | Path, value: unknown): ChangeSet<T>
  /**
   * Sets a value that is given as text: a scalar as a key holds it, a list or an object as YAML or JSON. Everything below
   * the path in this layer is replaced.
   *
   * @throws AdminError `invalid_path` for a selector that names no place
   */
  setText(place: PathLike<T>, text: string): ChangeSet<T>
  /**
   * Writes what differs between two YAML texts of this layer: the one that `export` gave, and that text after somebody edited
   * it. What the edited text has no more is removed; what neither text has stays. Numbers keep their digits. The texts are
   * read when the change is planned.
   *
   * @param place only what is at or below this path. Default: everything
   * @throws AdminError `invalid_path` for a selector that names no place
   */
  setEdited(before: string, after: string, place?: PathLike<T>): ChangeSet<T>
  /** Removes everything at and below a path from this layer. */
  unset(place: PathLike<T>): ChangeSet<T>
  /**
   * Works the change out against the newest tree, and judges the whole tree after it.
   *
   * @throws AdminError `invalid_options` for a change without a step that steps were given to, whose results were dropped;
   *   `invalid_path`, `invalid_value`, `unwritable_value`, `unreadable` for edited text, `secret_text` for one that would encrypt
   *   what the layer has in plain text, `not_found` for an `unset` of nothing, `permission_denied`, `store_unavailable`,
   *   `timeout`, `aborted`
   */
  plan(options?: CallOptions): Promise<Plan>
}

const OPTION_TABLE: OptionTable = { ...LAYER_TABLE, ifRevision: revisionKind }

/**
 * Begins a change of one layer.
 *
 * @throws AdminError `invalid_options`
 */
export function openChange<T>(workspace: Workspace, options: ChangeOptions): ChangeSet<T> {
  translatedNow(() => checkOptions('change()', options, OPTION_TABLE))
  const prefix = choosePrefix(workspace.settings.store.layers, options)
  return new StepList<T>(workspace, prefix, options.ifRevision)
}

class StepList<T> implements ChangeSet<T> {
  readonly #workspace: Workspace
  readonly #prefix: string
  readonly #ifRevision: number | undefined
  /** The steps before, of which there may be very many, and the last one; undefined for none. */
  readonly #last: Chain | undefined
  #isExtended = false

  constructor(workspace: Workspace, prefix: string, ifRevision: number | undefined, last?: Chain) {
    this.#workspace = workspace
    this.#prefix = prefix
    this.#ifRevision = ifRevision
    this.#last = last
  }

  set(place: PathLike<T>, value: unknown): ChangeSet<T> {
    return this.#with({ type: 'set', prefix: this.#prefix, path: pathOf(place), value })
  }

  setText(place: PathLike<T>, text: string): ChangeSet<T> {
    if (typeof text !== 'string')
      throw new AdminError('invalid_options', { what: 'setText() needs a text', remedy: '' })
    return this.#with({ type: 'written', prefix: this.#prefix, path: pathOf(place), text })
  }

  setEdited(before: string, after: string, place?: PathLike<T>): ChangeSet<T> {
    for (const text of [before, after])
      if (typeof text !== 'string')
        throw new AdminError('invalid_options', { what: 'setEdited() needs two texts', remedy: '' })
      else assertLength(text)
    const top = place === undefined ? [] : pathOf(place)
    return this.#with({ type: 'edited', prefix: this.#prefix, before, after, top })
  }

  unset(place: PathLike<T>): ChangeSet<T> {
    return this.#with({ type: 'unset', prefix: this.#prefix, path: pathOf(place) })
  }

  async plan(options: CallOptions = {}): Promise<Plan> {
    translatedNow(() => checkOptions('plan()', options, CALL_TABLE))
    if (this.#last === undefined && this.#isExtended)
      throw new AdminError('invalid_options', {
        what: 'plan() of a change without a step, and steps were given to it: each returns a new change, which was not planned',
        remedy: 'Chain the calls, change().set(…).plan(), or keep what each step returns.',
      })
    const steps = stepsOf(this.#last)
    return planDraft(this.#workspace, { kind: 'change', steps, ifRevision: this.#ifRevision }, options)
  }

  #with(step: Step): ChangeSet<T> {
    this.#isExtended = true
    return new StepList<T>(this.#workspace, this.#prefix, this.#ifRevision, { before: this.#last, step })
  }
}

interface Chain {
  readonly before: Chain | undefined
  readonly step: Step
}

/** All steps, the first one first. */
function stepsOf(last: Chain | undefined): readonly Step[] {
  const steps: Step[] = []
  for (let link = last; link !== undefined; link = link.before) steps.push(link.step)
  return steps.reverse()
}
