import { CommanderError } from 'commander'
import { globalOptionsOf } from './command-line/global-options.ts'
import { type Chosen, createProgram, isWriting } from './command-line/program.ts'
import { applyVariables } from './command-line/variable-option.ts'
import { CliError, usageError } from './errors/cli-error.ts'
import type { ExitCode } from './errors/exit-codes.ts'
import { type Io, written } from './output/io.ts'
import { resultText } from './output/result.ts'
import { Session } from './session.ts'

/** Calls a function at each event, until the function is called that it returns. */
type Listen<Event> = (onEvent: (event: Event) => void) => () => void

/** The process around a command; each part may be left out. */
export interface Outside {
  /** A signal, which interrupts the command. */
  readonly onSignal?: Listen<string | undefined>
  /** An error that nobody caught, such as one of the configuration file's own code, by which the command fails. */
  readonly onUncaught?: Listen<unknown>
  /** Called before the command begins; `isWriting`: it writes to the store. */
  readonly begin?: (isWriting: boolean) => void
}

function listenToNothing(): () => void {
  return () => {}
}

/** How often a long command says that it is at work. */
const PROGRESS_MS = 2_000

/** How long somebody who completes a word waits for a configuration file, in milliseconds. */
const COMPLETION_MS = 3_000

/**
 * Runs a command line to its end. stdout gets the data of a command that succeeded, in one piece, and nothing of one that
 * failed; everything else goes to stderr. Never rejects.
 *
 * @param args without the program's name, such as `['get', 'db.pool.max']`
 * @param outside what ends the command from outside, and what has to know of it
 */
export async function run(args: readonly string[], io: Io, outside: Outside = {}): Promise<ExitCode> {
  try {
    if (args[0] === 'complete' && args[1] === '--') return await complete(args.slice(2), io)
    const chosen = parse(args, io)
    if (chosen === undefined) return 0
    outside.begin?.(isWriting(chosen.command))
    return await execute(chosen, io, outside)
  } catch (error) {
    // Loaded with the words for errors by a command that fails.
    const { report } = await import('./errors/report.ts')
    return report(error, io)
  }
}

/** Answers the scripts of `livetree completion`. */
async function complete(words: readonly string[], io: Io): Promise<ExitCode> {
  const { completions } = await import('./command-line/completions.ts')
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(''), COMPLETION_MS)
  })
  const text = await Promise.race([completions(words, io), late])
  clearTimeout(timer)
  await written(io.stdout, text)
  return 0
}

/** The command that is named; undefined if help was asked for, and shown. */
function parse(args: readonly string[], io: Io): Chosen | undefined {
  const found: Chosen[] = []
  const program = createProgram((chosen) => void found.push(chosen))
  let said = ''
  const commands = [program, ...program.commands.flatMap((command) => [command, ...command.commands])]
  for (const command of commands)
    command.exitOverride().configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => {
        said += text
      },
      getOutHelpWidth: () => io.stdout.columns ?? 100,
      getErrHelpWidth: () => io.stderr.columns ?? 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
  try {
    program.parse(args, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return undefined
    const isHelp = said.startsWith('Usage:')
    if (isHelp) io.stderr.write(`${said}\n`)
    throw usageError(
      isHelp ? 'No command was given' : said.replace(/^error: /, '').trim(),
      isHelp ? undefined : 'See `livetree help`, or `livetree help COMMAND`.',
    )
  }
  const [chosen] = found
  if (chosen !== undefined) applyVariables(chosen.command, io.env)
  return chosen
}

async function execute(
  { command, load }: Chosen,
  io: Io,
  { onSignal = listenToNothing, onUncaught = listenToNothing }: Outside,
): Promise<ExitCode> {
  const session = new Session(io, globalOptionsOf(command))
  let unlisten = () => {}
  session.hearing((isHearing) => {
    unlisten()
    unlisten = isHearing ? onSignal((signal) => session.interrupt(signal)) : () => {}
  })
  const uncaught = onUncaught((error) => session.fail(error))
  const progress = io.stderr.isTTY === true ? showProgress(session) : undefined
  try {
    const runner = await load()
    const given = [session, command.processedArgs as never, command.opts() as never] as const
    const { result, exitCode = 0 } = await session.deadline.race(runner(...given))
    if (result !== undefined) {
      const text = await resultText(result, session.options.output, io.stdout.isTTY === true)
      if (text !== '') await written(io.stdout, text)
    }
    session.writeNotes()
    return exitCode
  } catch (error) {
    throw await failureOf(error, session, isWriting(command))
  } finally {
    clearInterval(progress)
    await session.close()
    unlisten()
    uncaught()
  }
}

/**
 * The failure that a command reports. A command that was late or interrupted reports that, and one that writes tells the fate
 * of its change.
 */
async function failureOf(error: unknown, session: Session, isWriter: boolean): Promise<unknown> {
  const { reason } = session.deadline.signal as { readonly reason: unknown }
  if (!isWriter) return reason instanceof CliError ? reason : error
  const { withFate } = await import('./errors/with-fate.ts')
  return withFate(error, reason instanceof CliError ? reason : undefined, session.change)
}

/** Says on a terminal that a long command is still at work, while nobody is asked and no editor is open. */
function showProgress(session: Session): NodeJS.Timeout {
  const startedAt = performance.now()
  return setInterval(() => {
    if (!session.deadline.isPaused)
      session.note(`Still working, ${Math.round((performance.now() - startedAt) / 1_000)} s so far.`)
  }, PROGRESS_MS)
}
