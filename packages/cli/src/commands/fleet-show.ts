import type { InstanceRecord } from '@livetree/admin'
import { nearestName } from '@livetree/core/tools'
import type { Outcome } from '../command-line/runner.ts'
import { openTree } from '../connect/open-tree.ts'
import { CliError, usageError } from '../errors/cli-error.ts'
import { safeText, shortKey } from '../output/safe-text.ts'
import { linesText } from '../output/words.ts'
import type { Session } from '../session.ts'
import { stateText } from './fleet-ls.ts'
import {
  instanceData,
  instanceIssueLines,
  instanceName,
  servedText,
  timeOf,
  warnOfUnreadable,
} from './instance-text.ts'

/** `livetree fleet show ID` */
export async function show(session: Session, [named]: readonly [named: string]): Promise<Outcome> {
  const { admin } = await openTree(session)
  const { instances, unreadable } = await admin.instances(session.call)
  warnOfUnreadable(session, unreadable)
  const instance = onlyInstance(instances, named)
  return { result: { data: instanceData(instance), text: () => instanceText(instance) } }
}

/** @throws CliError 3 where no instance is meant, 64 where several may be */
function onlyInstance(instances: readonly InstanceRecord[], named: string): InstanceRecord {
  const isNamed = (instance: InstanceRecord) => instance.id === named || instanceName(instance) === named
  const exact = instances.filter(isNamed)
  const found = exact.length > 0 || named === '' ? exact : instances.filter(({ id }) => id.startsWith(named))
  const [instance] = found
  if (instance !== undefined && found.length === 1) return instance
  if (found.length > 1)
    throw usageError(
      `"${named}" may be any of ${found.length} instances`,
      'Give the whole of one of these names.',
      [
        ...found.slice(0, 10).map(instanceName),
        ...(found.length > 10 ? [`and ${found.length - 10} more`] : []),
      ],
    )
  const names = instances.flatMap((each) => [each.id, instanceName(each)])
  const meant = nearestName(named, names)
  throw new CliError(3, `No running instance is named "${named}"`, {
    code: 'not_found',
    remedy: meant === undefined ? '`livetree fleet` lists them.' : `Did you mean ${meant}?`,
  })
}

function instanceText(instance: InstanceRecord): string {
  const rows: (readonly [string, string])[] = [
    ['instance', instanceName(instance)],
    ['host', `${instance.host}, process ${instance.pid}, since ${shownTime(instance.startedAt)}`],
    ...(instance.appVersion === undefined ? [] : [['version', instance.appVersion] as const]),
    ...Object.entries(instance.labels ?? {}).map(([name, text]) => ['label', `${name}=${text}`] as const),
    ['schema', instance.schema],
    ...instance.layers.map(
      ({ prefix, at = '' }) => ['layer', shortKey(at === '' ? prefix : `${prefix} at ${at}`)] as const,
    ),
    ['state', stateText(instance)],
    ['in service', servedText(instance)],
    ['verdict', `${instance.verdict} at revision ${instance.revision}, ${shownTime(instance.at)}`],
    ...(instance.needsRestart ?? []).map(
      (path) => ['restart', `for ${path}: it goes on with the old value`] as const,
    ),
    ...((instance.judgesProposals ?? 0) > 0
      ? []
      : [['preflight', 'it does not judge changes before they are written'] as const]),
  ]
  const width = rows.reduce((widest, [title]) => Math.max(widest, title.length), 0)
  return linesText([
    ...rows.map(([title, text]) => `${title.padEnd(width)}  ${safeText(text)}`),
    ...instanceIssueLines(instance.issues ?? [], instance.moreIssues ?? 0).map(
      (line) => `  ${safeText(line)}`,
    ),
  ])
}

function shownTime(ms: number): string {
  return timeOf(ms)?.slice(0, 19).replace('T', ' ') ?? 'no time'
}
