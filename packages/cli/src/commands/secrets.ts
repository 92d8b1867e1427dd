import type { Applied, EncryptedValues, Rotation } from '@livetree/admin'
import type { Outcome } from '../command-line/runner.ts'
import { openTree, type OpenedTree } from '../connect/open-tree.ts'
import { CliError } from '../errors/cli-error.ts'
import { shortKey } from '../output/safe-text.ts'
import { tableText } from '../output/table.ts'
import { counted } from '../output/words.ts'
import type { Session } from '../session.ts'
import { changeData, changesText } from './plan-text.ts'
import {
  allVerdicts,
  assertFleetOptions,
  assertWaitable,
  type FleetOptions,
  preflightOf,
  verdictsOf,
} from './ask-fleet.ts'
import { assertApplicable } from './carry-out.ts'
import { answersData } from './fleet-answers.ts'

/** `livetree secrets ls`: which key each encrypted value is encrypted with, and which are not encrypted. */
export async function list(session: Session): Promise<Outcome> {
  const { admin } = await openTree(session)
  const encrypted = await admin.encrypted(session.call)
  const { current, values, plaintext } = encrypted
  session.noteAtEnd(summaryOf(encrypted))
  const data = [
    ...values.map(({ pathText: path, key, keyId, isOpen }) => ({
      path,
      key,
      keyId,
      isCurrent: keyId === current,
      isOpen,
    })),
    ...plaintext.map(({ pathText: path, key }) => ({
      path,
      key,
      keyId: null,
      isCurrent: false,
      isOpen: true,
    })),
  ].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
  const columns = ['path', 'key id', 'state', 'key'].map((title) => ({ title }))
  const rows = data.map((row) => [shortKey(row.path), row.keyId ?? '', stateOf(row), shortKey(row.key)])
  return { result: { data, text: () => (rows.length === 0 ? '' : tableText(columns, rows)) } }
}

function stateOf({
  keyId,
  isCurrent,
  isOpen,
}: {
  keyId: string | null
  isCurrent: boolean
  isOpen: boolean
}): string {
  if (keyId === null) return 'not encrypted'
  if (!isOpen) return 'not opened'
  return isCurrent ? 'current' : 'previous'
}

function summaryOf({ current, absence, values, plaintext }: EncryptedValues): string {
  const old = values.filter(({ keyId }) => keyId !== current).length
  const all = `${counted(values.length, 'encrypted value')}`
  const none = `; there is no key to encrypt with: ${absence ?? 'the keyring has no current one'}`
  const others = current === undefined ? none : `, ${old} of other keys than "${current}"`
  const plain = plaintext.length === 0 ? '' : `; ${plaintext.length} not encrypted`
  return `${all}${others}${plain}.`
}

/** Options of `livetree secrets rotate`. */
export interface RotateOptions extends Pick<FleetOptions, 'preflight' | 'wait' | 'dryRun'> {
  readonly message?: string | undefined
  readonly plaintext?: boolean | undefined
}

/** `livetree secrets rotate`: encrypts values of earlier keys with the current one, in as many changes as it takes. */
export async function rotate(
  session: Session,
  _: readonly unknown[],
  options: RotateOptions,
): Promise<Outcome> {
  assertFleetOptions(options)
  const { plaintext = false, dryRun = false, wait = false } = options
  const opened = await openTree(session)
  const { admin } = opened
  const next = () => admin.rotateSecrets({ ...session.call, plaintext: plaintext ? 'encrypt' : 'leave' })
  const first = await next()
  warnOfUnopened(session, first)
  if (!plaintext) warnOfPlaintext(session, first)
  if (plaintext) warnOfUnwritable(session, first)
  const all = first.renewed + first.left
  const data = {
    ...{ renewed: 0, left: all, done: first.done },
    unopened: first.unopened.map(({ pathText }) => pathText),
    plaintext: first.plaintext.map(({ pathText }) => pathText),
    unwritable: first.unwritable.map(({ pathText }) => pathText),
  }
  const plain = plaintext
    ? ` (${first.plaintext.length - first.unwritable.length} of them in plain text)`
    : ''
  const asked = all === 0 ? undefined : await preflightOf(session, opened, first.plan, options)
  const preflight = asked === undefined ? {} : { preflight: answersData(asked) }
  if (dryRun || all === 0) {
    const verdicts = wait ? { verdicts: answersData(await allVerdicts(session, opened)) } : {}
    session.noteAtEnd(
      all === 0
        ? `Nothing to encrypt: ${counted(first.done, 'value')} of the current key.`
        : `${counted(all, 'value')}${plain} to encrypt, ${first.done} of the current key already. Nothing was written (--dry-run).`,
    )
    const { changes } = first.plan
    const text = () => (dryRun ? changesText(changes, session.style) : '')
    const shown = { isDryRun: dryRun, changes: changes.map(changeData), ...preflight, ...verdicts }
    return { result: { data: { ...data, ...shown }, text } }
  }
  await session.confirm(`Encrypt ${counted(all, 'value')}${plain} with the current key`)
  if (wait) await assertWaitable(session, opened)
  const { renewed, applied } = await carryOut(session, opened, first, next, options)
  const last = applied.at(-1)
  const verdicts =
    wait && last !== undefined ? { verdicts: answersData(await verdictsOf(session, last)) } : {}
  if (first.unopened.length > 0) throw unopenedError(first, renewed)
  const revisions = applied.map(({ revision }) => revision)
  const result = { ...data, renewed, left: all - renewed, isDryRun: false, revisions }
  return { result: { data: { ...result, ...preflight, ...verdicts }, text: () => '' } }
}

/** Applies one part after another until nothing is left; of each but the first, the instances are asked before it is written. */
async function carryOut(
  session: Session,
  opened: OpenedTree,
  first: Rotation,
  next: () => Promise<Rotation>,
  options: RotateOptions,
): Promise<{ renewed: number; applied: Applied[] }> {
  const { message = 'encrypt secrets with the current key' } = options
  const all = first.renewed + first.left
  const applied: Applied[] = []
  let renewed = 0
  for (let part = first; part.renewed > 0; part = await next()) {
    const { plan } = part
    if (part !== first)
      await preflightOf(session, opened, plan, options).catch((error: unknown) => {
        session.warn(`${renewed} of ${all} values are encrypted already, and stay so.`)
        throw error
      })
    assertApplicable(session, plan, {}, false)
    applied.push(await session.write((onSend) => plan.apply({ message, onSend, ...session.call })))
    renewed += part.renewed
    if (part.left > 0) session.note(`${renewed} of ${all} …`)
  }
  session.noteAtEnd(`Encrypted ${counted(renewed, 'value')}, in ${counted(applied.length, 'change')}.`)
  return { renewed, applied }
}

function warnOfPlaintext(session: Session, { plaintext }: Rotation): void {
  if (plaintext.length === 0) return
  const names = plaintext.slice(0, 5).map(({ pathText }) => pathText)
  const more = plaintext.length > names.length ? ' …' : ''
  session.warn(
    `${counted(plaintext.length, 'value')} not encrypted, and left so: ${names.join(', ')}${more}. --plaintext encrypts what stands there; look at it first.`,
  )
}

function warnOfUnwritable(session: Session, { unwritable }: Rotation): void {
  for (const { pathText } of unwritable.slice(0, 20))
    session.warn(
      `${pathText} stays in plain text: it stands in a text that the schema may mean as that. Write the list or the object itself.`,
    )
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
