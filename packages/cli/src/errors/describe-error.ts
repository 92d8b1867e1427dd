import type { AdminErrorCode } from '@livetree/admin'
import { counted } from '../output/words.ts'
import { CliError } from './cli-error.ts'
import type { ExitCode } from './exit-codes.ts'
import { conflictLines } from './conflict-lines.ts'
import { inFlags } from './in-flags.ts'
import { issueLines } from './issue-lines.ts'
import { isLibraryError, type LibraryError } from './library-error.ts'

/** The exit code of each failure of an admin. */
const OF_ADMIN: Readonly<Record<AdminErrorCode, ExitCode>> = {
  invalid_options: 64,
  invalid_path: 3,
  invalid_value: 5,
  unwritable_value: 5,
  invalid_tree: 5,
  removal_refused: 5,
  conflict: 4,
  contention: 4,
  too_large: 64,
  not_found: 3,
  compacted: 3,
  permission_denied: 7,
  store_unavailable: 8,
  store_changed: 8,
  store_failed: 1,
  outcome_unknown: 8,
  timeout: 124,
  aborted: 130,
  closed: 1,
  unreadable: 64,
  secret_text: 64,
  keys_unavailable: 64,
  fleet_rejected: 6,
  fleet_incomplete: 6,
  internal: 1,
}

/** The exit code of failures of core and of the client, where these are met without an admin. */
const OF_OTHERS: Readonly<Record<string, ExitCode>> = {
  source_unavailable: 8,
  connect_failed: 8,
  connection_lost: 8,
  unavailable: 8,
  no_leader: 8,
  tls_failed: 8,
  not_grpc: 8,
  unauthenticated: 7,
  invalid_option: 64,
  invalid_definition: 64,
  invalid_schema: 64,
  name_clash: 64,
  deadline_exceeded: 124,
  cancelled: 130,
  future_revision: 3,
}

/** What to do next, where the message of the library does not say it for the command. */
const REMEDIES: Partial<Record<AdminErrorCode, string>> = {
  invalid_tree: 'Nothing was written. Correct these paths in the same change, or see `livetree check`.',
  removal_refused: 'Nothing was written. Give --allow-removal if all of that is meant to be gone.',
  conflict: 'Nothing was written. Compare the current values with yours, and make the change again.',
  timeout: 'Raise --timeout, or see `livetree doctor`.',
  keys_unavailable: 'Nothing was written. Give --keys FILE, or `keys` in the definition.',
  invalid_value: 'Nothing was written. `livetree explain` shows what the path takes and holds.',
}

/** Converts whatever a command threw into what is reported. */
export function asCliError(error: unknown): CliError {
  if (error instanceof CliError) return error
  if (isLibraryError(error)) return fromLibrary(error)
  const shown = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return new CliError(1, `Unexpected: ${shown}`, {
    code: 'internal',
    remedy: 'This is a defect. Please report it, with the output of the same command under LIVETREE_DEBUG=1.',
    cause: error,
  })
}

function fromLibrary(error: LibraryError): CliError {
  const code = error.code as AdminErrorCode
  const exitCode = OF_ADMIN[code] ?? OF_OTHERS[error.code] ?? 1
  const isOfClient = exitCode === 7 || exitCode === 8 || error.name === 'EtcdError'
  const text = inFlags(error.message.replace(/^\[\w+\] /, ''), isOfClient)
  const { issues = [], conflicts = [] } = error
  if (code === 'conflict' && conflicts.length > 0)
    return new CliError(
      exitCode,
      `${counted(conflicts.length, 'key')} of this change changed after it was planned`,
      {
        code,
        lines: conflictLines(conflicts),
        remedy: REMEDIES.conflict,
        cause: error,
      },
    )
  if (issues.length > 0)
    return new CliError(exitCode, headingOf(text), {
      code,
      lines: issueLines(issues),
      remedy: REMEDIES[code],
      cause: error,
    })
  return new CliError(exitCode, text, { code: error.code, remedy: remedyOf(exitCode, code), cause: error })
}

function remedyOf(exitCode: ExitCode, code: AdminErrorCode): string | undefined {
  if (exitCode === 124) return REMEDIES.timeout
  return exitCode === 8 ? '`livetree doctor` says what is wrong with the connection.' : REMEDIES[code]
}

/** The first sentence of a message that goes on with a list of issues. */
function headingOf(text: string): string {
  const [first = text] = text.split('\n')
  return first.replace(/:$/, '')
}
