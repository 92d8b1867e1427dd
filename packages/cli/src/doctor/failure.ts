import { asCliError } from '../errors/describe-error.ts'
import type { Finding } from './finding.ts'

/** The finding for a call that failed. */
export function failure(check: string, error: unknown, remedy?: string): Finding {
  const { exitCode, message, lines } = asCliError(error)
  const [what = message, ...rest] = remedyApart(message)
  const said = remedy ?? (rest.join(' ') || lines.join('; '))
  return { check, status: 'failed', what, exitCode, ...(said !== '' && { remedy: said }) }
}

/** The first sentence of a message, and the others. */
function remedyApart(message: string): readonly string[] {
  const end = /[.!?] (?=[A-Z])/.exec(message)
  return end === null ? [message] : [message.slice(0, end.index + 1), message.slice(end.index + 2)]
}
