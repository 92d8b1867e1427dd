import { ConsoleError, startConsole } from '@livetree/console'
import type { Outcome } from '../command-line/runner.ts'
import { openBeside, openTree, type OpenedTree } from '../connect/open-tree.ts'
import { usageError } from '../errors/cli-error.ts'
import { written } from '../output/io.ts'
import type { Session } from '../session.ts'
import { openInBrowser } from './open-in-browser.ts'

/** Options of `livetree console`. */
export interface ConsoleCommandOptions {
  readonly port?: number | undefined
  readonly host?: string | undefined
  readonly readOnly?: boolean | undefined
  readonly open?: boolean | undefined
  /** The directories of other environments, the lowest precedence first. */
  readonly compare?: readonly (readonly string[])[] | undefined
}

/** `livetree console`: serves the console until it is interrupted. stdout gets its address, with the token, once it listens. */
export async function console(
  session: Session,
  _args: readonly [],
  { port, host, readOnly, open, compare = [] }: ConsoleCommandOptions,
): Promise<Outcome> {
  const opened = await openTree(session)
  const { admin } = opened
  const environments = environmentsOf(session, opened, compare)
  const running = await startConsole({ admin, environments, port, host, readOnly }).catch((error) => {
    if (error instanceof ConsoleError) throw usageError(error.message.replace(/^\[\w+\] /, ''))
    throw error
  })
  session.closing(() => running.close())
  // What cannot be read is said here, and not only by the page.
  await running.ready()
  const { url } = running
  const text = session.options.output === 'table' ? url : JSON.stringify({ url })
  await written(session.io.stdout, `${text}\n`)
  session.note(
    `The console of "${admin.name}" is open${readOnly === true ? ', read-only' : ''}. Ctrl-C ends it.`,
  )
  session.note('Whoever has this address may do everything that you may: give it to nobody.')
  if (open === true) await openInBrowser(session, url)
  session.deadline.pause()
  return new Promise(() => {})
}

/** What can be compared with, by the last name of its last directory. @throws CliError 64 */
function environmentsOf(
  session: Session,
  opened: OpenedTree,
  compare: readonly (readonly string[])[],
): Readonly<Record<string, OpenedTree['admin']>> {
  const admins = compare.map((directories) => {
    const name = (directories.at(-1) ?? '').replace(/\/+$/, '').replace(/^.*\//, '')
    if (name === '')
      throw usageError('--compare names no directory', 'Give /config/shop/base,/config/shop/staging.')
    return [name, openBeside(session, opened, directories)] as const
  })
  const twice = admins.find(([name], index) => admins.findIndex(([other]) => other === name) < index)
  if (twice === undefined) return Object.fromEntries(admins)
  throw usageError(`--compare names two environments ${twice[0]}`, 'Each has the name of its last directory.')
}
