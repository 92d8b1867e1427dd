import type { Issue, Path, UnusedKey } from '@livetree/core'
import type { LayerInfo } from '@livetree/core/source'
import { pathText } from '@livetree/core/tools'
import type { StoreEntry } from 'livetree/operate'
import { Judge, type Judgement } from '../tree/judge.ts'
import { type KeyPlaced, placeOf } from '../tree/key-place.ts'
import { layerFor } from '../tree/target-layer.ts'
import { prefixOf, type TreeState } from '../tree/tree-state.ts'
import type { Workspace } from '../workspace.ts'
import { assertingSaid, assertSaid, assertTakenSaid } from './assert-said.ts'
import type { Draft, ReadStep } from './draft.ts'
import { isEncryptedText } from '../secrets/encrypted-with.ts'
import { type MadeEnvelopes, madeFor } from '../secrets/made-envelopes.ts'
import { TreeSecrets } from '../secrets/tree-secrets.ts'
import { LayerEdit } from './layer-edit.ts'
import { editedTree, type EditedTree, type KeyEdits } from './edited-tree.ts'
import { type PlannedChange, plannedChange } from './planned-change.ts'
import { unknownNames, withOthers } from './unknown-names.ts'

/** A draft worked out against one state of the tree. */
export interface WorkedOut {
  readonly state: TreeState
  readonly edits: KeyEdits
  /** The keys of `edits`, and those that it would write with the text that they have. */
  readonly touched: ReadonlySet<string>
  readonly changes: readonly PlannedChange[]
  /** The keys of which the new text may be secret, and is not encrypted. */
  readonly hidden: ReadonlySet<string>
  /** What the schema says of the whole tree after it. */
  readonly issues: readonly Issue[]
  readonly unused: readonly UnusedKey[]
  /** It removes so much that running instances would refuse it. */
  readonly needsAllowRemoval: boolean
  /** The prefixes of the layers that it changes. */
  readonly prefixes: readonly string[]
}

/**
 * Works out a draft: which keys change, and what the schema says of the tree after it.
 *
 * @throws AdminError `invalid_path`, `invalid_value`, `unwritable_value`, `not_found`, `keys_unavailable`
 */
export function workOut(workspace: Workspace, draft: Draft<ReadStep>, state: TreeState): WorkedOut {
  const { entries } = state.reading
  const secrets = new TreeSecrets(workspace, state.keys)
  const { edits: plain, put } = editsOf(workspace, draft, secrets, entries)
  const edits = sealed(workspace, secrets.sealAll.bind(secrets, plain, entries), madeFor(draft))
  assertTakenSaid(workspace, draft, entries, edits)
  const keys = [...edits.keys()]
  const placed = new Map(keys.map((key) => [key, placeOf(workspace, key)]))
  const judge = new Judge(workspace, state, { isGuarded: true })
  const paths = new Map([...placed.values()].flatMap(pathsOf))
  const effective = ({ isValid }: Judgement) =>
    new Map([...paths].map(([id, path]) => [id, isValid ? judge.explain(path).value : undefined]))
  const judgedBefore = judge.judge(entries)
  const before = effective(judgedBefore)
  const after = entriesAfter(entries, edits)
  let judged = judge.judge(after)
  const needsAllowRemoval = judged.issues.some(({ code }) => code === 'guard')
  if (needsAllowRemoval) judged = judge.judge(after, true)
  const isSame = (key: string) => {
    const [stored, edited] = [entries.get(key)?.value, edits.get(key)]
    return typeof stored === 'string' && edited !== undefined && secrets.isSame(key, stored, edited)
  }
  const afterwards = effective(judged)
  const changes = keys.map((key) =>
    plannedChange(workspace, {
      place: placed.get(key) ?? placeOf(workspace, key),
      key,
      before: entries.get(key),
      after: edits.get(key),
      isSame: isSame(key),
      effectiveAt: (path) => ({ before: before.get(pathText(path)), after: afterwards.get(pathText(path)) }),
    }),
  )
  const isHidden = (key: string, text: string | undefined) => {
    const { isHidden: isSecret, paths } = placed.get(key) ?? placeOf(workspace, key)
    return text !== undefined && isSecret && !isEncryptedText(workspace.settings.definition, paths, text)
  }
  const unknown = unknownNames(workspace, draft, { judge, before: entries, after, edits })
  return {
    state,
    edits,
    touched: new Set([...edits.keys(), ...put]),
    changes,
    hidden: new Set(keys.filter((key) => isHidden(key, edits.get(key)))),
    issues: draft.isMending === true ? newIssues(judgedBefore, judged) : judged.issues,
    unused: withOthers(judged.unused, unknown),
    needsAllowRemoval,
    prefixes: [...new Set(changes.map(({ layer }) => layer))],
  }
}

/** The places of a key, and the one that is shown, by their texts. */
function pathsOf({ path, paths }: KeyPlaced): readonly (readonly [id: string, path: Path])[] {
  return [path, ...paths].map((each) => [pathText(each), each])
}

/** The edits with envelopes; what may not become one is named before any other fault of it. */
function sealed(
  workspace: Workspace,
  seal: (known: MadeEnvelopes) => KeyEdits,
  known: MadeEnvelopes,
): KeyEdits {
  try {
    return seal(known)
  } finally {
    assertSaid(workspace, known)
  }
}

/** What the schema refuses in a tree, and did not in the one before. */
function newIssues(before: Judgement, { issues }: Judgement): readonly Issue[] {
  // Only some of very many issues are listed.
  if (before.issues.some(({ code }) => code === 'more')) return []
  const idOf = ({ code, pathText }: Issue) => JSON.stringify([code, pathText])
  const known = new Set(before.issues.map(idOf))
  return issues.filter((issue) => !known.has(idOf(issue)))
}

function editsOf(
  workspace: Workspace,
  { steps, prunes }: Draft<ReadStep>,
  secrets: TreeSecrets,
  stored: ReadonlyMap<string, StoreEntry>,
): Pick<EditedTree, 'edits' | 'put'> {
  const { layers } = workspace.settings.store
  const tree = editedTree(secrets.openAll(stored))
  const editOf = (layer: LayerInfo) => new LayerEdit(workspace, layer, tree)
  for (const step of steps) {
    // A raw key does not depend on a layer: the first one writes it.
    if (step.type === 'key')
      for (const layer of layers.slice(0, 1)) editOf(layer).putKey(step.key, secrets.textOf(step))
    else
      assertingSaid(workspace, step.path, () =>
        takeStep(editOf(layerFor(layers, step.prefix, step.path)), step, secrets, stored),
      )
  }
  const pruned = layers.find((layer) => prunes !== undefined && prefixOf(layer) === prunes)
  if (pruned !== undefined) editOf(pruned).prune()
  for (const layer of layers.slice(0, 1)) editOf(layer).finish()
  return tree
}

type PathStep = Exclude<ReadStep, { type: 'key' }>

function takeStep(
  edit: LayerEdit,
  step: PathStep,
  secrets: TreeSecrets,
  stored: ReadonlyMap<string, StoreEntry>,
): void {
  const isOfKeys = step.type === 'tree' || ('isOfKeys' in step && step.isOfKeys === true)
  const path = isOfKeys ? step.path : edit.keyPathOf(step.path, step.type === 'unset' ? 'unset' : 'set')
  if ('plaintext' in step)
    secrets.keepPlain(
      edit.layer,
      (step.plaintext ?? []).map((below) => [...path, ...below]),
    )
  if (step.type === 'tree' && step.isEdit === true) secrets.guardEdit(step.prefix, stored)
  else if (step.type !== 'unset') secrets.addGiven(edit.layer, path)
  if (step.type === 'set') edit.set(path, step.value)
  else if (step.type === 'part') edit.setPart(path, step.tree, step.isItem)
  else if (step.type === 'tree') edit.setTree(path, step.tree, { isEdit: step.isEdit })
  else if (step.type === 'text') edit.setText(path, step.text)
  else if (step.isLeft === true) edit.unsetLeft(path)
  else edit.unset(path, step.path)
}

function entriesAfter(
  entries: ReadonlyMap<string, StoreEntry>,
  edits: KeyEdits,
): ReadonlyMap<string, StoreEntry> {
  const after = new Map(entries)
  for (const [key, value] of edits) {
    if (value === undefined) after.delete(key)
    else after.set(key, { key, value, modRevision: 0 })
  }
  return after
}
