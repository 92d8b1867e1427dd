import { writeFile } from 'node:fs/promises'
import { absolutePath } from '@livetree/core/source'
import type { Outcome } from '../command-line/runner.ts'
import { openTree } from '../connect/open-tree.ts'
import { usageError } from '../errors/cli-error.ts'
import type { Session } from '../session.ts'
import { assertFleetOptions, preflightOf } from './ask-fleet.ts'
import { assertApplicable } from './carry-out.ts'
import { answersData } from './fleet-answers.ts'
import { planFile, type TransferOptions } from './file-plan.ts'
import { changesText, nothingToChange, planData, planSummary } from './plan-text.ts'

interface PlanOptions extends TransferOptions {
  readonly file: string
  readonly out?: string | undefined
  readonly exitCode?: boolean | undefined
}

/** `livetree plan -f FILE --out PLAN` */
export async function plan(session: Session, _: readonly unknown[], options: PlanOptions): Promise<Outcome> {
  assertFleetOptions({ ...options, dryRun: true })
  const opened = await openTree(session)
  const worked = await planFile(session, opened, options.file, options)
  assertApplicable(session, worked, { ...options, allowRemoval: true })
  const preflight = await preflightOf(session, opened, worked, { ...options, dryRun: true })
  if (options.out !== undefined)
    await save(absolutePath(options.out, session.io.cwd), `${JSON.stringify(worked.save(), undefined, 2)}\n`)
  if (worked.isEmpty) session.noteAtEnd(nothingToChange(worked))
  else {
    const next = options.out === undefined ? '' : ` Apply them with: livetree apply ${options.out}`
    session.noteAtEnd(`${planSummary(worked.changes)}, at revision ${worked.revision}.${next}`)
  }
  if (worked.needsAllowRemoval)
    session.noteAtEnd('Running instances refuse a removal of that size: apply needs --allow-removal.')
  const text = () => changesText(worked.changes, session.style)
  return {
    result: {
      data: { ...planData(worked), ...(preflight !== undefined && { preflight: answersData(preflight) }) },
      text,
    },
    exitCode: options.exitCode === true && !worked.isEmpty ? 2 : 0,
  }
}

async function save(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { mode: 0o600 })
  } catch (error) {
    throw usageError(`--out ${file} cannot be written: ${(error as Error).message}`)
  }
}
