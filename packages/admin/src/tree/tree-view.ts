import { describeIssues, type Issue, type Path, type UnusedKey } from '@livetree/core'
import type { ExplainedLayer } from 'livetree'
import { isTextOpenAt, placesOfKey, SECRET_TEXT, pathText as textOfPath } from '@livetree/core/tools'
import { encryptedWith } from '../secrets/encrypted-with.ts'
import { TreeSecrets } from '../secrets/tree-secrets.ts'
import { AdminError } from '../errors.ts'
import { pathOf, type PathLike } from '../selector.ts'
import type { Workspace } from '../workspace.ts'
import { Judge, type Judgement } from './judge.ts'
import { prefixOf, type TreeState } from './tree-state.ts'

/** One key of a layer. */
export interface TreeEntry {
  /** The prefix of its layer: `/config/checkout/prod`. */
  readonly layer: string
  readonly key: string
  readonly path: Path
  /** `db.pool.max` */
  readonly pathText: string
  /** `[secret]` where it may be secret, unless `reveal` was asked for. */
  readonly text: string
  readonly isSecret: boolean
  /** The id of the key that it is encrypted with; undefined where it is no envelope. */
  readonly encryptedWith: string | undefined
  /** The revision that wrote it. */
  readonly revision: number
}

/** The value at a path, and the layers that contribute to it. */
export interface ExplainedPath {
  readonly path: Path
  /** The value over all layers and sources; undefined where there is none, and in an invalid tree. Secrets read `[secret]`. */
  readonly value: unknown
  /** The highest first. Secrets read `[secret]`. */
  readonly layers: readonly ExplainedLayer[]
}

/** The whole tree at one revision, validated. */
export interface AdminTree<T> {
  readonly revision: number
  readonly isValid: boolean
  /** The layers have no key at all: a value is a default, or that of another source. */
  readonly isEmpty: boolean
  /** Empty for a valid tree. */
  readonly issues: readonly Issue[]
  readonly unused: readonly UnusedKey[]
  /**
   * The configuration, frozen, with its secrets.
   *
   * @throws AdminError `invalid_tree`
   */
  readonly value: T
  /** The value with every secret as `[secret]`. @throws AdminError `invalid_tree` */
  redacted(): unknown
  /** The value at a path, and where it is from. */
  explain(place: PathLike<T>): ExplainedPath
  /** Every key of the layers that has a place in the schema, layer by layer, in the order of the keys. */
  entries(options?: { readonly reveal?: boolean }): readonly TreeEntry[]
}

/** Judges a state and shows it. */
export function viewTree<T>(workspace: Workspace, state: TreeState): AdminTree<T> {
  const judge = new Judge(workspace, state, { isGuarded: false })
  return new JudgedTree<T>(workspace, state, judge, judge.judge(state.reading.entries))
}

class JudgedTree<T> implements AdminTree<T> {
  readonly #workspace: Workspace
  readonly #state: TreeState
  readonly #judge: Judge
  readonly #judgement: Judgement

  constructor(workspace: Workspace, state: TreeState, judge: Judge, judgement: Judgement) {
    this.#workspace = workspace
    this.#state = state
    this.#judge = judge
    this.#judgement = judgement
  }

  get revision(): number {
    return this.#state.reading.revision
  }

  get isValid(): boolean {
    return this.#judgement.isValid
  }

  get isEmpty(): boolean {
    const { store } = this.#workspace.settings
    for (const key of this.#state.reading.entries.keys()) if (!store.isReserved(key)) return false
    return true
  }

  get issues(): readonly Issue[] {
    return [...this.#judgement.issues, ...this.#judgement.unopened]
  }

  get unused(): readonly UnusedKey[] {
    return this.#judgement.unused
  }

  get value(): T {
    this.#assertValid()
    return this.#judgement.value as T
  }

  redacted(): unknown {
    this.#assertValid()
    return this.#judge.redact(this.#judgement.value)
  }

  explain(place: PathLike<T>): ExplainedPath {
    return this.#judge.explain(pathOf(place))
  }

  entries({ reveal = false }: { readonly reveal?: boolean } = {}): readonly TreeEntry[] {
    const { definition, store } = this.#workspace.settings
    const secrets = new TreeSecrets(this.#workspace, this.#state.keys)
    const found = [...this.#state.reading.entries.values()].flatMap((entry) =>
      store.isReserved(entry.key)
        ? []
        : placesOfKey(definition, entry.key, store.layers).map(({ layer, path }) => ({ layer, path, entry })),
    )
    found.sort((a, b) => a.layer - b.layer || (a.entry.key < b.entry.key ? -1 : 1))
    return found.flatMap(({ layer, path, entry }) => {
      const info = store.layers[layer]
      if (info === undefined) return []
      const isSecret = !isTextOpenAt(definition, path)
      const stored = String(entry.value)
      const text = !isSecret ? stored : reveal ? secrets.open(entry.key, stored) : SECRET_TEXT
      const { key, modRevision: revision } = entry
      const place = { layer: prefixOf(info), key, path, pathText: textOfPath(path) }
      return [
        { ...place, text, isSecret, encryptedWith: encryptedWith(definition, [path], stored), revision },
      ]
    })
  }

  #assertValid(): void {
    if (this.isValid) return
    const { definition } = this.#workspace.settings
    const heading = `The schema of "${definition.name}" refuses the tree at revision ${this.revision}:`
    throw new AdminError('invalid_tree', {
      what: `${describeIssues(heading, this.issues)}\n`,
      remedy: 'Correct these keys.',
      issues: this.issues,
    })
  }
}
