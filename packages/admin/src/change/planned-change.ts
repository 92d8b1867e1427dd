import type { Path } from '@livetree/core'
import { isRestartAt, isSecretAt, pathText, readText, SECRET_TEXT } from '@livetree/core/tools'
import type { StoreEntry } from 'livetree/operate'
import type { KeyPlaced } from '../tree/key-place.ts'
import { encryptedWith } from '../secrets/encrypted-with.ts'
import type { Workspace } from '../workspace.ts'

/** What a key holds, for people: `[secret]` where it may be secret. */
export interface PlannedText {
  readonly text: string
  /** What the schema reads it as; undefined where it is not valid alone. */
  readonly value: unknown
  /** The revision that wrote it; undefined for a text that is still to be written. */
  readonly revision: number | undefined
}

/** A value over all layers and sources; undefined in an invalid tree. */
export interface EffectiveValues {
  readonly before: unknown
  readonly after: unknown
}

/** Another place that has what a key holds: its layer is mounted at several. */
export interface OtherPlace {
  readonly path: Path
  /** `audit.redis.host` */
  readonly pathText: string
  readonly needsRestart: boolean
  readonly effective: EffectiveValues
}

/** One key that a plan changes. */
export interface PlannedChange {
  readonly type: 'added' | 'changed' | 'removed'
  /** The prefix of its layer: `/config/checkout/prod`. */
  readonly layer: string
  readonly key: string
  readonly path: Path
  /** `db.pool.max` */
  readonly pathText: string
  /** Its texts and values read `[secret]`. */
  readonly isSecret: boolean
  /** The id of the key that the text after it is encrypted with; undefined where it is no envelope. */
  readonly encryptedWith: string | undefined
  /** Whether processes that run now take the change, at one of its places, only when they start again; see `restart`. False where only its encryption changes. */
  readonly needsRestart: boolean
  readonly before: PlannedText | undefined
  readonly after: PlannedText | undefined
  /** The value at the path: unchanged where a higher layer or source overrides it. `[secret]` where the key may hold a secret. */
  readonly effective: EffectiveValues
  /** The other places of a layer that is mounted at several. */
  readonly elsewhere: readonly OtherPlace[]
}

/** What a change is made of. */
export interface ChangeParts {
  readonly place: KeyPlaced
  readonly key: string
  readonly before: StoreEntry | undefined
  readonly after: string | undefined
  /** Only the encryption of what is there changes. */
  readonly isSame: boolean
  /** Those at a path of the key. */
  readonly effectiveAt: (path: Path) => EffectiveValues
}

/** Describes the change of one key. */
export function plannedChange(workspace: Workspace, parts: ChangeParts): PlannedChange {
  const { place, key, before, after, isSame } = parts
  const { definition } = workspace.settings
  const shown = (text: string, revision: number | undefined): PlannedText => ({
    text: place.isHidden ? SECRET_TEXT : text,
    value: place.isHidden ? SECRET_TEXT : readText(definition, place.path, text),
    revision,
  })
  const needsRestart = (path: Path) => !isSame && isRestartAt(definition, path)
  const effectiveAt = (path: Path) => {
    const { before: old, after: next } = parts.effectiveAt(path)
    return place.isHidden ? { before: hidden(old), after: hidden(next) } : { before: old, after: next }
  }
  const others = place.paths.filter((path) => pathText(path) !== place.pathText)
  const isSecret = place.isHidden || isSecretAt(definition, place.path)
  return {
    type: before === undefined ? 'added' : after === undefined ? 'removed' : 'changed',
    layer: place.prefix,
    key,
    path: place.path,
    pathText: place.pathText,
    isSecret,
    encryptedWith: encryptedWith(definition, place.paths, after),
    needsRestart: [place.path, ...others].some(needsRestart),
    before: before === undefined ? undefined : shown(textOf(before), before.modRevision),
    after: after === undefined ? undefined : shown(after, undefined),
    effective: effectiveAt(place.path),
    elsewhere: others.map((path) => ({
      path,
      pathText: pathText(path),
      needsRestart: needsRestart(path),
      effective: effectiveAt(path),
    })),
  }
}

function hidden(value: unknown): unknown {
  return value === undefined ? undefined : SECRET_TEXT
}

function textOf({ value }: StoreEntry): string {
  return typeof value === 'string' ? value : '(bytes that are not text)'
}
