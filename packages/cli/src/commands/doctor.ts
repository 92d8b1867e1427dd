import type { Outcome } from '../command-line/runner.ts'
import { openTree } from '../connect/open-tree.ts'
import { CliError } from '../errors/cli-error.ts'
import type { ExitCode } from '../errors/exit-codes.ts'
import { tableText } from '../output/table.ts'
import type { Session } from '../session.ts'
import { checkClock } from '../doctor/clock.ts'
import { checkEndpoints } from '../doctor/endpoints.ts'
import { checkHistory, checkRanges, checkTree, checkWatch } from '../doctor/store.ts'
import type { Finding } from '../doctor/finding.ts'

/** `livetree doctor`: each thing that a tree needs, in the order in which they build on each other. */
export async function doctor(session: Session): Promise<Outcome> {
  const opened = await openTree(session, { isAwayTaken: true })
  const { client, isOwned } = opened.store.connect()
  if (isOwned) session.closing(() => client.close())
  const context = { session, opened, client }
  const endpoints = await checkEndpoints(context)
  const findings = [...endpoints]
  const isReached = endpoints.some(({ status }) => status === 'ok')
  if (isReached)
    for (const check of [checkClock, checkRanges, checkTree, checkHistory, checkWatch])
      findings.push(...(await check(context)))
  const failed = findings.filter(({ status }) => status === 'failed')
  const text = (paint: Session['style']) => reportText(findings, paint)
  if (failed.length > 0)
    throw new CliError(exitCodeOf(failed), `${failed.length} of ${findings.length} checks failed`, {
      code: 'unwell',
      lines: text((_, part) => part)
        .trimEnd()
        .split('\n'),
    })
  session.noteAtEnd(`${findings.length} checks, none failed.`)
  return { result: { data: findings, text: () => text(session.style) } }
}

/** The first failure says why: what comes after it may follow from it. */
function exitCodeOf([first]: readonly Finding[]): ExitCode {
  return first?.exitCode ?? 1
}

function reportText(findings: readonly Finding[], paint: Session['style']): string {
  const table = tableText(
    [{ title: 'check' }, { title: 'result' }, { title: 'what' }],
    findings.map(({ check, status, what }) => [check, status, what]),
    (line) => paint('strong', line),
  )
  const remedies = findings.flatMap(({ check, status, remedy }) =>
    status === 'ok' || remedy === undefined ? [] : [`${check}: ${remedy}\n`],
  )
  return remedies.length === 0 ? table : `${table}\n${remedies.join('')}`
}
