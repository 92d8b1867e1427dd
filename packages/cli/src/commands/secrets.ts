import type { EncryptedValues, Rotation } from '@livetree/admin'
import type { Outcome } from '../command-line/runner.ts'
import { openTree } from '../connect/open-tree.ts'
import { CliError } from '../errors/cli-error.ts'
import { shortKey } from '../output/safe-text.ts'
import { tableText } from '../output/table.ts'
import { counted } from '../output/words.ts'
import type { Session } from '../session.ts'
import { changeData, changesText } from './plan-text.ts'
import { assertApplicable } from './carry-out.ts'

/** `livetree secrets ls`: which key each encrypted value is encrypted with. */
export async function list(session: Session): Promise<Outcome> {
  const { admin } = await openTree(session)
  const { revision, current, values } = await admin.encrypted(session.call)
  session.noteAtEnd(summaryOf({ revision, current, values }))
  const data = values.map(({ pathText: path, key, keyId, isOpen }) => ({
    path,
    key,
    keyId,
    isCurrent: keyId === current,
    isOpen,
  }))
  const columns = ['path', 'key id', 'state', 'key'].map((title) => ({ title }))
  const rows = data.map(({ path, key, keyId, isCurrent, isOpen }) => [
    shortKey(path),
    keyId,
    isOpen ? (isCurrent ? 'current' : 'previous') : 'not opened',
    shortKey(key),
  ])
  return { result: { data, text: () => (rows.length === 0 ? '' : tableText(columns, rows)) } }
}

function summaryOf({ current, values }: EncryptedValues): string {
  const old = values.filter(({ keyId }) => keyId !== current).length
  const all = `${counted(values.length, 'encrypted value')}`
  if (current === undefined) return `${all}; no key is at hand.`
  return `${all}, ${old} of other keys than "${current}".`
}

/** Options of `livetree secrets rotate`. */
export interface RotateOptions {
  readonly message?: string | undefined
  readonly dryRun?: boolean | undefined
}

/** `livetree secrets rotate`: encrypts values of earlier keys with the current one, in as many changes as it takes. */
export async function rotate(
  session: Session,
  _: readonly unknown[],
  { message, dryRun = false }: RotateOptions,
): Promise<Outcome> {
  const { admin } = await openTree(session)
  const first = await admin.rotateSecrets(session.call)
  warnOfUnopened(session, first)
  const all = first.renewed + first.left
  const data = {
    renewed: 0,
    left: all,
    done: first.done,
    unopened: first.unopened.map(({ pathText }) => pathText),
  }
  if (dryRun || all === 0) {
    session.noteAtEnd(
      all === 0
        ? `Nothing to encrypt again: ${counted(first.done, 'value')} of the current key.`
        : `${counted(all, 'value')} to encrypt again, ${first.done} of the current key already. Nothing was written (--dry-run).`,
    )
    const { changes } = first.plan
    const text = () => (dryRun ? changesText(changes, session.style) : '')
    return { result: { data: { ...data, isDryRun: dryRun, changes: changes.map(changeData) }, text } }
  }
  await session.confirm(`Encrypt ${counted(all, 'value')} again`)
  const revisions: number[] = []
  let renewed = 0
  for (let part: Rotation = first; part.renewed > 0; part = await admin.rotateSecrets(session.call)) {
    const { plan } = part
    assertApplicable(session, plan, {})
    const why = message ?? 'encrypt secrets with the current key'
    const applied = await session.write((onSend) => plan.apply({ message: why, onSend, ...session.call }))
    revisions.push(applied.revision)
    renewed += part.renewed
    if (part.left > 0) session.note(`${renewed} of ${all} …`)
  }
  session.noteAtEnd(
    `Encrypted ${counted(renewed, 'value')} again, in ${counted(revisions.length, 'change')}.`,
  )
  if (first.unopened.length > 0) throw unopenedError(first, renewed)
  return {
    result: { data: { ...data, renewed, left: all - renewed, isDryRun: false, revisions }, text: () => '' },
  }
}

function warnOfUnopened(session: Session, { unopened }: Rotation): void {
  for (const { pathText, keyId } of unopened.slice(0, 20))
    session.warn(`${pathText} is encrypted with key "${keyId}" and does not open with the keys at hand.`)
}

function unopenedError({ unopened }: Rotation, renewed: number): CliError {
  const those = counted(unopened.length, 'value')
  return new CliError(5, `${those} could not be encrypted again; ${renewed} others were`, {
    code: 'keys_unavailable',
    lines: unopened.slice(0, 20).map(({ pathText, keyId }) => `${pathText}: key "${keyId}"`),
    remedy: 'Give the keys that they name, after the current one, and run it again.',
  })
}
