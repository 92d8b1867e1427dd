import type { Path } from '@livetree/core'
import { checkOptions, type OptionTable } from '@livetree/core/source'
import type { StoreReading } from 'livetree/operate'
import { AdminError } from '../errors.ts'
import { pathOf, type PathLike } from '../selector.ts'
import { assertInSchema } from '../tree/assert-in-schema.ts'
import { placeOf } from '../tree/key-place.ts'
import { chosenPrefix, type LayerChoice } from '../tree/target-layer.ts'
import { readStore } from '../tree/tree-state.ts'
import { translatedNow } from '../translate-error.ts'
import type { CallOptions, Workspace } from '../workspace.ts'
import type { Step } from './draft.ts'
import { type Plan, planDraft } from './plan.ts'
import { type KeyPart, partOfKey, partsAsThen } from './rollback-part.ts'
import { CALL_TABLE, LAYER_TABLE, revisionKind } from '../option-tables.ts'
import { RollbackPlaces } from './rollback-places.ts'

/** Options of `Admin.rollback`. */
export interface RollbackOptions<T = unknown> extends CallOptions, LayerChoice {
  /** The revision to go back to: the keys get the texts that they had then. */
  readonly to: number
  /**
   * Only what is at or below one of these paths; of a document above one, that part. A path that neither the schema nor the
   * store knows is refused with `invalid_path`. Default: everything.
   */
  readonly only?: readonly PathLike<T>[] | undefined
}

const OPTION_TABLE: OptionTable = {
  ...CALL_TABLE,
  ...LAYER_TABLE,
  to: revisionKind,
  only: {
    expected: 'a list of paths, at least one',
    test: (only) => Array.isArray(only) && only.length > 0,
  },
}

/** Plans that the keys of all layers, or of the one that is chosen, get their earlier texts; see `Admin.rollback`. */
export async function planRollback<T>(workspace: Workspace, options: RollbackOptions<T>): Promise<Plan> {
  translatedNow(() => checkOptions('rollback()', options, OPTION_TABLE))
  const { to, only } = options
  if (to === undefined)
    throw new AdminError('invalid_options', { what: 'rollback() needs a revision, { to }', remedy: '' })
  const { layers } = workspace.settings.store
  const prefix = chosenPrefix(layers, options)
  const paths = only?.map(pathOf)
  const limit = workspace.limit(options)
  const [then, now] = await Promise.all([
    readThen(workspace, () => readStore(workspace, limit, to), to),
    readStore(workspace, limit),
  ])
  const places =
    paths && new RollbackPlaces(workspace, paths, { earlier: then.entries, now: now.entries, prefix })
  const keys = [...new Set([...then.entries.keys(), ...now.entries.keys()])]
  const steps = keys.flatMap((key): Step[] => {
    if (workspace.settings.store.isReserved(key)) return []
    const part = places === undefined ? WHOLE : partOfKey(workspace, key, (layer) => places.in(layer))
    if (part.type === 'nothing') return []
    const both = { key, earlier: then.entries.get(key), now: now.entries.get(key) }
    if (both.earlier?.modRevision === both.now?.modRevision) return []
    if (prefix !== undefined && placeOf(workspace, key).prefix !== prefix) return []
    if (part.type === 'whole')
      return [{ type: 'key', key, text: textOf(key, both.earlier?.value), keeps: 'all' }]
    const text = partsAsThen(both, part.parts)
    return text === undefined ? [] : [{ type: 'key', key, text, keeps: 'all' }]
  })
  const isKnown = (path: Path) =>
    keys.some(
      (key) =>
        partOfKey(workspace, key, (layer) => places?.in(layer).filter((each) => each.path === path) ?? [])
          .type !== 'nothing',
    )
  for (const path of paths ?? []) if (!isKnown(path)) assertInSchema(workspace, path)
  places?.assertRestored(entriesAfter(now.entries, steps))
  return planDraft(workspace, { kind: 'rollback', to, steps }, options)
}

function entriesAfter(entries: StoreReading['entries'], steps: readonly Step[]): StoreReading['entries'] {
  const after = new Map(entries)
  for (const step of steps)
    if (step.type === 'key') {
      const { key, text } = step
      if (text === undefined) after.delete(key)
      else after.set(key, { key, value: text, modRevision: 0 })
    }
  return after
}

const WHOLE: KeyPart = { type: 'whole' }

function textOf(key: string, value: string | Buffer | undefined): string | undefined {
  if (value === undefined || typeof value === 'string') return value
  throw new AdminError('unwritable_value', {
    what: `The key ${key} held bytes then that are no text`,
    remedy: 'Leave it out with `only`, or put it back with etcdctl.',
  })
}

async function readThen(
  { settings }: Workspace,
  read: () => Promise<StoreReading>,
  to: number,
): Promise<StoreReading> {
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof AdminError) || error.code !== 'compacted') throw error
    throw new AdminError('compacted', {
      what: `The store does not keep revision ${to} any more, so that "${settings.definition.name}" cannot be rolled back to it as a whole`,
      remedy:
        'Choose a newer revision, or set by hand what history() shows: records keep the texts that are not secret, those of secrets are gone.',
      cause: error,
    })
  }
}
