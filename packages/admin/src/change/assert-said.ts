import type { Path } from '@livetree/core'
import { holdsEncryptedInside, isEncryptedInsideAt, isEnvelope, pathText } from '@livetree/core/tools'
import type { StoreEntry } from 'livetree/operate'
import { AdminError } from '../errors.ts'
import { type ChangePart, PartMapper, secretPlaces } from '../secrets/secret-parts.ts'
import type { MadeEnvelopes } from '../secrets/made-envelopes.ts'
import type { Workspace } from '../workspace.ts'
import type { Draft, ReadStep } from './draft.ts'
import type { KeyEdits } from './edited-tree.ts'

/**
 * Refuses envelopes that were made of plain texts where a JSON Schema says only that something inside is encrypted: instances
 * refuse one where their definition has none. Envelopes that are given as such pass.
 *
 * @throws AdminError `unwritable_value`
 */
export function assertSaid({ settings }: Workspace, known: MadeEnvelopes): void {
  if (!holdsEncryptedInside(settings.definition)) return
  for (const id of known.keys()) {
    const [, path] = JSON.parse(id) as [key: string, path: Path]
    if (isEncryptedInsideAt(settings.definition, path)) throw unsaid(path)
  }
}

/**
 * What cannot be written at all there has the same reason: numbers, for example, since nothing says that they are meant.
 *
 * @throws AdminError `unwritable_value`, and those of the step
 */
export function assertingSaid({ settings }: Workspace, path: Path, step: () => void): void {
  try {
    step()
  } catch (error) {
    const paths = error instanceof AdminError ? [...error.issues.map((issue) => issue.path), path] : []
    const at = paths.find((each) => isEncryptedInsideAt(settings.definition, each))
    throw at === undefined ? error : unsaid(at, error)
  }
}

/**
 * The same of texts that are written as they are: the envelopes that a rotation has made of plain texts, and what a promotion
 * has from a store that has it in plain text.
 *
 * @throws AdminError `unwritable_value`
 */
export function assertTakenSaid(
  workspace: Workspace,
  { isMending = false, steps }: Draft<ReadStep>,
  entries: ReadonlyMap<string, StoreEntry>,
  edits: KeyEdits,
): void {
  const { definition } = workspace.settings
  const isOfStore = (step: ReadStep) => 'plaintext' in step && (step.plaintext?.length ?? 0) > 0
  if (!isMending && !steps.some(isOfStore)) return
  if (!holdsEncryptedInside(definition)) return
  for (const [key, text] of edits) {
    const before = textsIn(workspace, key, entries.get(key)?.value)
    for (const [id, part] of textsIn(workspace, key, text)) {
      const stored = before.get(id)
      const isMade = isEnvelope(part) && stored !== undefined && !isEnvelope(stored)
      const isTaken = !isEnvelope(part) && part !== stored
      const path = JSON.parse(id) as Path
      if ((isMending ? isMade : isTaken) && isEncryptedInsideAt(definition, path)) throw unsaid(path)
    }
  }
}

/** The texts of a key that may be encrypted, by their path as JSON. */
function textsIn(workspace: Workspace, key: string, text: unknown): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  if (typeof text !== 'string') return found
  const places = secretPlaces(workspace, key, text)
  if (places.secret.length === 0) return found
  const note: ChangePart = ({ places: at, text: part }, written) => {
    for (const { path } of at) found.set(JSON.stringify(path), part)
    return written
  }
  new PartMapper(workspace.settings.definition, () => true, note).map(places, text)
  return found
}

function unsaid(path: Path, cause?: unknown): AdminError {
  return new AdminError('unwritable_value', {
    what: `"${pathText(path)}" cannot be written in plain text: something in this place is encrypted, and the JSON Schema does not say what`,
    remedy: 'Write it with the definition.',
    cause,
  })
}
