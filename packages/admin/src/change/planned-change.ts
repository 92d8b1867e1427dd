import type { Path } from '@livetree/core'
import { isRestartAt, isSecretAt, readText, SECRET_TEXT } from '@livetree/core/tools'
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
  /** Whether processes that run now take the change only when they start again; see `restart`. False where only its encryption changes. */
  readonly needsRestart: boolean
  readonly before: PlannedText | undefined
  readonly after: PlannedText | undefined
  /** The value at the path over all layers and sources: unchanged where a higher one overrides it. Undefined in an invalid tree. */
  readonly effective: { readonly before: unknown; readonly after: unknown }
}

/** What a change is made of. */
export interface ChangeParts {
  readonly place: KeyPlaced
  readonly key: string
  readonly before: StoreEntry | undefined
  readonly after: string | undefined
  /** Only the encryption of what is there changes. */
  readonly isSame: boolean
  readonly effective: PlannedChange['effective']
}

/** Describes the change of one key. */
export function plannedChange(workspace: Workspace, parts: ChangeParts): PlannedChange {
  const { place, key, before, after, isSame, effective } = parts
  const { definition } = workspace.settings
  const shown = (text: string, revision: number | undefined): PlannedText => ({
    text: place.isHidden ? SECRET_TEXT : text,
    value: place.isHidden ? SECRET_TEXT : readText(definition, place.path, text),
    revision,
  })
  const isSecret = place.isHidden || isSecretAt(definition, place.path)
  return {
    type: before === undefined ? 'added' : after === undefined ? 'removed' : 'changed',
    layer: place.prefix,
    key,
    path: place.path,
    pathText: place.pathText,
    isSecret,
    encryptedWith: encryptedWith(definition, place.paths, after),
    needsRestart: !isSame && isRestartAt(definition, place.path),
    before: before === undefined ? undefined : shown(textOf(before), before.modRevision),
    after: after === undefined ? undefined : shown(after, undefined),
    effective,
  }
}

function textOf({ value }: StoreEntry): string {
  return typeof value === 'string' ? value : '(bytes that are not text)'
}
