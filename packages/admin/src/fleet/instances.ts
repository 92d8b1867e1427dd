import { isKeyOf, type InstanceRecord, OperationsKeys, readInstance } from 'livetree/operate'
import { compareTexts } from '../compare-texts.ts'
import { type Doing, needsIn, translated } from '../translate-error.ts'
import type { CallLimit, CallOptions, Workspace } from '../workspace.ts'

/** A record is small; a page of a few hundred is no burden, whatever stands among them. */
const PAGE_SIZE = 500

/** The running instances that joined the fleet. */
export interface FleetInstances {
  /** The store's revision that this is the state of. */
  readonly revision: number
  /** By name of the configuration, then by id. */
  readonly instances: readonly InstanceRecord[]
  /** Keys among them that cannot be read here, such as those of a newer version of livetree, or with the record of another key. */
  readonly unreadable: readonly string[]
}

/** As it is read, with the cluster that answered; 0n: not known. */
export interface ReadFleet extends FleetInstances {
  readonly clusterId: bigint
}

/** The keys that operators and instances share. */
export function operationsKeys({ settings }: Workspace): OperationsKeys {
  return new OperationsKeys(settings.operationsPrefix)
}

/** The limit of what comes before the waiting: that of the admin. `timeoutMs` is the time of the waiting alone. */
export function readingLimit(workspace: Workspace, { signal }: CallOptions): CallLimit {
  return workspace.limit({ signal })
}

/** What a call that reads the fleet does, and needs. */
export function readingFleet(workspace: Workspace): Doing {
  return {
    what: 'reading the running instances',
    needs: needsIn(workspace.settings.store, [{ prefix: operationsKeys(workspace).instances, as: 'read' }]),
  }
}

/**
 * Reads the records of all instances.
 *
 * @throws AdminError as `translated`
 */
export function readFleet(workspace: Workspace, limit: CallLimit): Promise<ReadFleet> {
  const own = operationsKeys(workspace)
  const { instances: prefix } = own
  return translated(readingFleet(workspace), async () => {
    const found: InstanceRecord[] = []
    const unreadable: string[] = []
    const onRestart = () => {
      found.length = 0
      unreadable.length = 0
    }
    const options = { prefix, pageSize: PAGE_SIZE, onRestart, ...limit.control }
    const { revision, clusterId } = await workspace.client.kv.scan(
      options,
      ({ keys, values, modRevisions }) => {
        for (const [index, key] of keys.entries()) {
          const record = instanceAt(own, key, values[index] ?? '', modRevisions[index] ?? 0)
          if (record === undefined) unreadable.push(key)
          else found.push(record)
        }
      },
    )
    const instances = found.sort((a, b) => compareTexts(a.name, b.name) || compareTexts(a.id, b.id))
    return { revision, clusterId, instances, unreadable }
  })
}

/**
 * The record of the instance at a key; undefined: it cannot be read, or is of another key.
 *
 * No instance judges a revision that comes after its record. One that seems to speaks of the store as it was before a restore: of this
 * one it has said nothing yet, which is revision 0.
 *
 * @param modRevision the revision that wrote it
 */
export function instanceAt(
  keys: OperationsKeys,
  key: string,
  text: string,
  modRevision: number,
): InstanceRecord | undefined {
  const read = readInstance(text)
  if (read.type !== 'instance' || keys.instance(read.record.name, read.record.id) !== key) return undefined
  const { record } = read
  const isOfThisStore = Math.max(record.revision, record.applied) < modRevision
  return isOfThisStore ? record : { ...record, revision: 0, applied: 0 }
}

/** The directories of an instance that hold one of some keys. */
export function layersHolding({ layers }: InstanceRecord, keys: Iterable<string>): readonly string[] {
  const all = [...keys]
  const prefixes = new Set(layers.map(({ prefix }) => prefix))
  return [...prefixes].filter((prefix) => all.some((key) => isKeyOf(key, prefix)))
}

/** Whether an instance reads keys of the store's layers. */
export function readsTree({ settings }: Workspace, { layers }: InstanceRecord): boolean {
  return layers.some(({ prefix }) =>
    settings.store.prefixes.some((own) => own.startsWith(`${prefix}/`) || `${prefix}/`.startsWith(own)),
  )
}

/** Tells instances apart. */
export function nameOf({ name, id }: Pick<InstanceRecord, 'name' | 'id'>): string {
  return JSON.stringify([name, id])
}
