import type { InstanceRecord } from '@livetree/admin'
import { nearestName } from '@livetree/core/tools'
import type { Outcome } from '../command-line/runner.ts'
import { openTree } from '../connect/open-tree.ts'
import { usageError } from '../errors/cli-error.ts'
import { shownText } from '../output/safe-text.ts'
import type { Style } from '../output/style.ts'
import { tableText } from '../output/table.ts'
import { counted, meantHint } from '../output/words.ts'
import type { Session } from '../session.ts'
import { instanceData, nobodyJoined, warnOfUnreadable } from './instance-text.ts'

/** @throws CliError 64 for a word after `livetree fleet` that is no command */
export function assertVerb(word: string | undefined, verbs: readonly string[]): void {
  if (word === undefined) return
  throw usageError(
    `unknown command 'fleet ${word}'.${meantHint(nearestName(word, verbs))}`,
    `There are: ${verbs.map((verb) => `fleet ${verb}`).join(', ')}.`,
  )
}

/** `livetree fleet`: what each running instance said last. */
export async function list(session: Session): Promise<Outcome> {
  const { admin, store } = await openTree(session)
  const { revision, instances, unreadable } = await admin.instances(session.call)
  warnOfUnreadable(session, unreadable)
  const items = instances.map(instanceData)
  const data = { revision, instances: items, unreadable }
  if (instances.length === 0) {
    session.noteAtEnd(nobodyJoined(store))
    return { result: { data, items, text: () => '' } }
  }
  const schemas = new Set(instances.map(({ schema }) => schema)).size
  const mixed = schemas > 1 ? `, with ${schemas} different schemas` : ''
  session.noteAtEnd(`${counted(instances.length, 'instance')}${mixed}, at revision ${revision}.`)
  return { result: { data, items, text: () => listText(instances, session.style) } }
}

function listText(instances: readonly InstanceRecord[], style: Style): string {
  const titles = ['name', 'instance', 'host', 'version', 'schema', 'state', 'in service', 'verdict']
  return tableText(
    titles.map((title) => ({ title, most: 60 })),
    instances.map((instance) => [
      shownText(instance.name),
      shownText(instance.id),
      instance.host,
      instance.appVersion ?? '',
      instance.schema.slice(0, 8),
      stateText(instance),
      String(instance.applied),
      verdictText(instance),
    ]),
    (line) => style('strong', line),
  )
}

/** `live`, `live, from snapshot` */
export function stateText({ state, servedFrom }: InstanceRecord): string {
  return servedFrom === 'sources' ? state : `${state}, from ${servedFrom}`
}

function verdictText({ verdict, revision, needsRestart = [] }: InstanceRecord): string {
  if (verdict === 'rejected') return `rejected ${revision}`
  return needsRestart.length === 0 ? verdict : `${verdict}; restart for ${needsRestart.join(', ')}`
}
