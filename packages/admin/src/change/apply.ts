import { describeIssues } from '@livetree/core'
import { AdminError } from '../errors.ts'
import { oldRecords } from '../history/find-records.ts'
import { historiesOf, RecordKeys } from '../history/record-keys.ts'
import { recordedText, type RecordedChange, recordText, type StoredRecord } from '../history/record.ts'
import { uuidV7 } from '../history/uuid-v7.ts'
import { placeOf } from '../tree/key-place.ts'
import { prefixOf, readState, documentNeeds } from '../tree/tree-state.ts'
import { type Doing, needsIn } from '../translate-error.ts'
import type { CallLimit, Workspace } from '../workspace.ts'
import { type Applied, AppliedChange, type ApplyOptions } from './applied.ts'
import type { Draft, ReadStep } from './draft.ts'
import type { PlannedChange } from './planned-change.ts'
import { PlanCheck } from './plan-check.ts'
import { Settlement } from './settlement.ts'
import { type RecordPart, transactionOf } from './transaction.ts'
import { isEncryptedText } from '../secrets/encrypted-with.ts'
import { type WorkedOut, workOut } from './work-out.ts'

/** How often a change is validated again because other keys of its layers have changed. */
const MOST_ATTEMPTS = 32

/** Time limit of one attempt, in milliseconds. After it the same transaction is sent again. */
const ATTEMPT_MS = 3_000

/** Applies a draft that was worked out; see `Plan.apply`. */
export async function applyPlan(
  workspace: Workspace,
  draft: Draft<ReadStep>,
  planned: WorkedOut,
  options: ApplyOptions,
): Promise<Applied> {
  const limit = workspace.limit(options)
  const applying = new Applying(workspace, draft, planned, options, limit)
  return applying.run()
}

class Applying {
  readonly #workspace: Workspace
  readonly #draft: Draft<ReadStep>
  readonly #planned: WorkedOut
  readonly #options: ApplyOptions
  readonly #limit: CallLimit
  readonly #check: PlanCheck
  /** Shared by all attempts, so that at most one of them is applied. */
  readonly #id: string
  readonly #at: string

  constructor(
    workspace: Workspace,
    draft: Draft<ReadStep>,
    planned: WorkedOut,
    options: ApplyOptions,
    limit: CallLimit,
  ) {
    this.#workspace = workspace
    this.#draft = draft
    this.#planned = planned
    this.#options = options
    this.#limit = limit
    this.#check = new PlanCheck(workspace, limit, draft, planned)
    const now = workspace.settings.clock.now()
    this.#id = options.id ?? uuidV7(now)
    this.#at = new Date(now).toISOString()
  }

  async run(): Promise<Applied> {
    let worked = this.#planned
    let sent = worked
    const settlement = new Settlement(this.#workspace, this.#limit, this.#id, this.#voidText())
    try {
      await this.#check.assertUnmoved(worked)
      for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
        this.#limit.assertGoing('applying the change')
        if (worked.edits.size === 0) return this.#applied(undefined, worked.state.reading.revision, [])
        this.#assertApplicable(worked)
        sent = worked
        const revision = await this.#send(worked, settlement)
        if (revision !== undefined) return this.#applied(this.#id, revision, worked.changes)
        await this.#assertFree()
        await this.#pause(attempt)
        worked = await this.#again()
        await this.#check.assertUnmoved(worked)
        this.#check.assertAsPlanned(worked)
      }
      throw new AdminError('contention', {
        what: `Others changed the layers ${MOST_ATTEMPTS} times while the change was judged`,
      })
    } catch (error) {
      // An attempt of unknown fate may still be applied: it is settled before the failure is reported.
      const revision = await settlement.giveUp(error, this.#doing(sent))
      return this.#applied(this.#id, revision, sent.changes)
    }
  }

  #applied(id: string | undefined, revision: number, changes: readonly PlannedChange[]): Applied {
    return new AppliedChange(this.#workspace, { id, revision, changes })
  }

  /** What the write needs of the user's role, for the message of a refusal: its conditions read all layers. */
  #doing({ prefixes, edits }: WorkedOut): Doing {
    const { store, operationsPrefix } = this.#workspace.settings
    const histories = historiesOf(this.#workspace).map(({ directory }) => directory)
    const written = prefixes.flatMap((prefix) => [
      `${prefix}/`,
      new RecordKeys(operationsPrefix, prefix).directory,
    ])
    const needOf = (prefix: string) =>
      ({ prefix, as: written.includes(prefix) ? 'readwrite' : 'read' }) as const
    return {
      what: `writing to ${prefixes.join(', ')}`,
      needs: needsIn(store, [
        ...[...store.prefixes, ...histories].map(needOf),
        ...documentNeeds(store, [...edits.keys()]),
      ]),
    }
  }

  /** The id of the caller may be that of an earlier write, or of one that was given up. @throws AdminError `conflict` */
  async #assertFree(): Promise<void> {
    if (this.#options.id === undefined) return
    const { client } = this.#workspace
    const keys = historiesOf(this.#workspace).map((history) => history.keyOf(this.#id))
    const found = await Promise.all(keys.map((key) => client.kv.get(key, this.#limit.control)))
    if (found.every((entry) => entry === undefined)) return
    throw new AdminError('conflict', {
      what: `There is a record with the id ${this.#id} already`,
      remedy:
        'find(id) tells whether it was applied. Otherwise, it was given up: apply the change with another id.',
    })
  }

  /** Works the draft out again, on the newest tree. */
  async #again(): Promise<WorkedOut> {
    const state = await readState(this.#workspace, this.#limit)
    const { clusterId } = this.#planned.state.reading
    if (clusterId !== 0n && state.reading.clusterId !== clusterId) throw new AdminError('store_changed')
    return workOut(this.#workspace, this.#draft, state)
  }

  /** Writers that lost a race at the same time do not try again at the same time. */
  #pause(attempt: number): Promise<void> {
    const { clock } = this.#workspace.settings
    const ms = Math.random() * Math.min(200, 2 ** attempt)
    return new Promise((resolve) => void clock.setTimeout(resolve, ms))
  }

  #assertApplicable({ issues, needsAllowRemoval }: WorkedOut): void {
    if (needsAllowRemoval && this.#options.allowRemoval !== true)
      throw new AdminError('removal_refused', {
        what: 'The change removes so much that running instances would refuse it',
      })
    if (issues.length === 0 || this.#options.force === true) return
    const heading = `The schema of "${this.#workspace.settings.definition.name}" refuses the tree after this change:`
    throw new AdminError('invalid_tree', { what: `${describeIssues(heading, issues)}\n`, issues })
  }

  /** Sends one attempt. Returns the revision at which it was applied; undefined if a condition failed. */
  async #send(worked: WorkedOut, settlement: Settlement): Promise<number | undefined> {
    const { settings, client } = this.#workspace
    const { operationsPrefix } = settings
    const keysOf = (prefix: string) => new RecordKeys(operationsPrefix, prefix)
    const records = this.#records(worked, keysOf)
    const pruned = await oldRecords(this.#workspace, worked.prefixes.map(keysOf), this.#limit)
    const histories = historiesOf(this.#workspace)
    const markers = this.#options.allowRemoval === true ? markersOf(this.#workspace, worked) : []
    this.#check.assertPast(pruned.revision)
    const { conditions, operations, isGuarded } = transactionOf(this.#workspace, {
      worked,
      records,
      // An id of the caller must be free in the layers that it does not change, too.
      taken: this.#options.id === undefined ? [] : histories.map((history) => history.keyOf(this.#id)),
      histories,
      pruned: pruned.keys,
      markers,
    })
    // What the conditions do not compare is compared with the newest tree first.
    if (!isGuarded && worked === this.#planned) return undefined
    const { clusterId } = worked.state.reading
    const txn = client.kv
      .txn()
      .if(...conditions)
      .then(...operations)
    const timeoutMs = () => Math.min(this.#limit.leftMs, ATTEMPT_MS)
    const control = () => ({
      ...this.#limit.control,
      timeoutMs: timeoutMs(),
      ...(clusterId !== 0n && { clusterId }),
    })
    const [first] = records
    await this.#sending()
    const text = first === undefined ? '' : recordText(first.record)
    return settlement.send(first?.key ?? '', text, worked.state.reading.revision, async () => {
      const result = await txn.commit(control())
      return result.succeeded ? result.header.revision : undefined
    })
  }

  /** @throws AdminError `aborted` with what the caller's function threw */
  async #sending(): Promise<void> {
    try {
      await this.#options.onSend?.(this.#id)
    } catch (cause) {
      throw new AdminError('aborted', {
        what: `onSend of apply() failed, so that the change was not sent`,
        remedy: 'See `cause`.',
        cause,
      })
    }
  }

  get #author(): string {
    return this.#options.author ?? this.#workspace.settings.author
  }

  #voidText(): string {
    const { definition } = this.#workspace.settings
    const record: StoredRecord = {
      version: 1,
      id: this.#id,
      kind: 'void',
      author: this.#author,
      at: this.#at,
      name: definition.name,
      layers: this.#planned.prefixes,
      changes: [],
    }
    return recordText(record)
  }

  #records(worked: WorkedOut, keysOf: (prefix: string) => RecordKeys): readonly RecordPart[] {
    const { definition } = this.#workspace.settings
    const { message, allowRemoval } = this.#options
    const { kind, to } = this.#draft
    return worked.prefixes.map((prefix) => ({
      key: keysOf(prefix).keyOf(this.#id),
      record: {
        version: 1,
        id: this.#id,
        kind,
        author: this.#author,
        at: this.#at,
        ...(message !== undefined && { message }),
        ...(to !== undefined && { to }),
        name: definition.name,
        ...(worked.issues.length > 0 && { isForced: true }),
        ...(allowRemoval === true && worked.needsAllowRemoval && { allowsRemoval: true }),
        layers: worked.prefixes,
        changes: worked.changes
          .filter(({ layer }) => layer === prefix)
          .map((change) => recordedChange(this.#workspace, worked, change)),
      } satisfies StoredRecord,
    }))
  }
}

function recordedChange(
  workspace: Workspace,
  { state, edits }: WorkedOut,
  { key, pathText, isSecret }: PlannedChange,
): RecordedChange {
  const entry = state.reading.entries.get(key)
  const isText = typeof entry?.value === 'string'
  const before = entry && String(entry.value)
  const after = edits.get(key)
  const { paths } = placeOf(workspace, key)
  const isHidden = (text: string) => isSecret && !isEncryptedText(workspace.settings.definition, paths, text)
  return {
    key,
    path: pathText,
    ...(before !== undefined && {
      before: recordedText(before, isHidden(before) || !isText, entry?.modRevision),
    }),
    ...(after !== undefined && { after: recordedText(after, isHidden(after)) }),
  }
}

/** The keys that allow a removal from the layers that lose one. */
function markersOf({ settings }: Workspace, { changes }: WorkedOut): readonly string[] {
  const { layers, removalKeys } = settings.store
  const losing = new Set(changes.filter(({ type }) => type === 'removed').map(({ layer }) => layer))
  return removalKeys
    .filter((removal) =>
      removal.layers.some((index) => {
        const layer = layers[index]
        return layer !== undefined && losing.has(prefixOf(layer))
      }),
    )
    .map(({ key }) => key)
}
