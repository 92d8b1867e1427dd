import type { InstanceIssue, InstanceRecord } from '@livetree/admin'
import type { EtcdStore } from 'livetree/operate'
import { shortKey } from '../output/safe-text.ts'
import { counted } from '../output/words.ts'
import type { Session } from '../session.ts'

/** The name of an instance, as `livetree fleet show` takes it. */
export function instanceName({ name, id }: Pick<InstanceRecord, 'name' | 'id'>): string {
  return `${name}/${id}`
}

/** A record as data: every field is there, and times are in ISO 8601. */
export function instanceData(instance: InstanceRecord) {
  const { name, id, schema, layers, appVersion, host, pid, labels, startedAt } = instance
  const { verdict, revision, applied, epoch, state, servedFrom, needsRestart, at } = instance
  return {
    name,
    id,
    host,
    pid,
    appVersion: appVersion ?? null,
    labels: labels ?? {},
    startedAt: timeOf(startedAt) ?? null,
    schema,
    layers: layers.map(({ prefix, at: mount }) => ({ prefix, at: mount ?? null })),
    state,
    servedFrom,
    applied,
    verdict,
    revision,
    epoch,
    needsRestart: needsRestart ?? [],
    issues: instance.issues ?? [],
    moreIssues: instance.moreIssues ?? 0,
    judgesProposals: instance.judgesProposals ?? 0,
    at: timeOf(at) ?? null,
  }
}

/** `revision 4711`, which is in service. */
export function servedText({ applied }: InstanceRecord): string {
  return applied === 0 ? 'a state of before the store was restored or replaced' : `revision ${applied}`
}

/** A time in ms since the Unix epoch, as a record has it; undefined for one that no calendar has. */
export function timeOf(ms: number): string | undefined {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString()
}

/** What is wrong, by path, with the keys that say so. */
export function instanceIssueLines(issues: readonly InstanceIssue[], more: number): readonly string[] {
  const lines = issues.flatMap(({ path, message, keys }) => [
    `${path === '' ? '(the whole tree)' : shortKey(path)}: ${message}`,
    ...keys.map((key) => `  ${shortKey(key)}`),
  ])
  return more > 0 ? [...lines, `and ${more} more`] : lines
}

/** Warns of records that say nothing here. */
export function warnOfUnreadable(session: Session, unreadable: readonly string[]): void {
  if (unreadable.length === 0) return
  const [first = ''] = unreadable
  session.warn(
    `${counted(unreadable.length, 'record')} of instances cannot be read here: damaged, or of a newer version of livetree; the first is ${shortKey(first)}`,
  )
}

/** What is said where no instance has joined. */
export function nobodyJoined({ prefixes }: EtcdStore): string {
  return `No running instance that reads ${prefixes.join(' or ')} has joined the fleet. An application joins with joinFleet(config) of livetree/fleet.`
}
