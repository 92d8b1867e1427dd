import type { Io } from '../output/io.ts'
import { safeLines } from '../output/safe-text.ts'
import { styleFor } from '../output/style.ts'
import { asCliError } from './describe-error.ts'
import type { ExitCode } from './exit-codes.ts'

/** Writes to stderr what a command threw, and returns its exit code. */
export function report(error: unknown, io: Io): ExitCode {
  const failure = asCliError(error)
  const style = styleFor(io.stderr, io.env)
  const lines = [
    `${style('bad', 'error:')} ${safeLines(failure.message.trim())}`,
    ...failure.lines.map((line) => `  ${safeLines(line)}`),
    ...(failure.remedy === undefined ? [] : [safeLines(failure.remedy)]),
  ]
  io.stderr.write(`${lines.join('\n')}\n`)
  if ((io.env['LIVETREE_DEBUG'] ?? '') !== '' && failure.cause instanceof Error)
    io.stderr.write(`${safeLines(String(failure.cause.stack))}\n`)
  return failure.exitCode
}
