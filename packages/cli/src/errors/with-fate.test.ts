import { AdminError } from '@livetree/admin'
import { expect, test } from 'vitest'
import { CliError, type CliErrorDetails } from './cli-error.ts'
import type { ExitCode } from './exit-codes.ts'
import { withFate } from './with-fate.ts'

const failed = (exitCode: ExitCode, message: string, details: Partial<CliErrorDetails> = {}) =>
  new CliError(exitCode, message, { code: 'x', ...details })
const late = () => failed(124, 'The command took longer than 1s (--timeout)')
const id = '01900000-0000-7000-8000-000000000000'

test('an end from outside while the write is under way leaves its fate open, and says how to look it up', () => {
  for (const reason of [late(), failed(130, 'Interrupted')]) {
    const failure = withFate(new Error('aborted'), reason, { id, state: 'sent' })
    expect(failure).toMatchObject({ exitCode: 8, code: 'outcome_unknown' })
    expect(failure.remedy).toContain(`livetree history --id ${id}`)
    expect(`${failure.message} ${failure.remedy}`).not.toContain('Nothing was written')
  }
})

test.each([
  ['before anything was sent', 'none'],
  ['after it was settled that nothing is there', 'settled'],
] as const)('an end from outside %s says that nothing was written', (_when, state) => {
  const failure = withFate(new Error('aborted'), late(), { id: undefined, state })
  expect(failure).toMatchObject({ exitCode: 124, remedy: 'Nothing was written.' })
})

test('a failure of its own says so once, and keeps what to do', () => {
  const said = withFate(failed(7, 'No', { remedy: 'Ask ana.' }), undefined, {
    id: undefined,
    state: 'none',
  })
  expect(said.remedy).toBe('Nothing was written. Ask ana.')
  expect(withFate(said, undefined, { id: undefined, state: 'none' }).remedy).toBe(
    'Nothing was written. Ask ana.',
  )
})

test('a failure after the write, and one that is unknown to the library, say nothing else', () => {
  const away = failed(8, 'The store went away')
  expect(withFate(away, undefined, { id, state: 'written' })).toBe(away)
  const unknown = new AdminError('outcome_unknown', { what: 'Lost', remedy: 'Look.' })
  expect(withFate(unknown, undefined, { id, state: 'sent' })).toMatchObject({ code: 'outcome_unknown' })
  expect(withFate(unknown, undefined, { id, state: 'sent' }).remedy).not.toContain('Nothing was written')
})

test('a command line that is wrong needs no word about the store', () => {
  const usage = failed(64, 'No such flag', { remedy: 'See help.' })
  expect(withFate(usage, undefined, { id: undefined, state: 'none' })).toBe(usage)
})
