import type { Convergence } from '@livetree/admin'
import type { Outcome } from '../command-line/runner.ts'
import { openTree } from '../connect/open-tree.ts'
import { shownText } from '../output/safe-text.ts'
import type { Style } from '../output/style.ts'
import { tableText } from '../output/table.ts'
import type { Session } from '../session.ts'
import { allVerdicts } from './ask-fleet.ts'
import { answersData } from './fleet-answers.ts'
import { nobodyJoined } from './instance-text.ts'

/** `livetree fleet status`: who has applied what was written, once all have, or one has rejected it. */
export async function status(
  session: Session,
  _: readonly unknown[],
  { revision }: { readonly revision?: number | undefined },
): Promise<Outcome> {
  const opened = await openTree(session)
  const found = await allVerdicts(session, opened, revision)
  if (found.answers.length === 0) session.noteAtEnd(nobodyJoined(opened.store))
  const data = answersData(found)
  return { result: { data, items: data.answers, text: () => statusText(found, session.style) } }
}

function statusText({ answers }: Convergence, style: Style): string {
  if (answers.length === 0) return ''
  return tableText(
    ['name', 'instance', 'host', 'version', 'verdict', 'in service'].map((title) => ({ title, most: 60 })),
    answers.map(({ instance, verdict }) => [
      shownText(instance.name),
      shownText(instance.id),
      instance.host,
      instance.appVersion ?? '',
      verdict,
      String(instance.applied),
    ]),
    (line) => style('strong', line),
  )
}
