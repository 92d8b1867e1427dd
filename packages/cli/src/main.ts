import { usageError } from './errors/cli-error.ts'
import { run } from './run.ts'
import { safeLines } from './output/safe-text.ts'
import type { Io, OutStream } from './output/io.ts'

/** What a configuration file left open holds the process up for this long, in milliseconds. */
const LINGER_MS = 100

/** Runs the command line of this process and ends it. */
export async function main(): Promise<void> {
  const { stdout, stderr } = process
  // What a configuration file prints while it is imported is no data.
  const write = stdout.write.bind(stdout)
  const data: OutStream = {
    get isTTY() {
      return stdout.isTTY
    },
    get columns() {
      return stdout.columns
    },
    write: (text, done) => write(text, () => done?.()),
  }
  stdout.write = stderr.write.bind(stderr) as typeof stdout.write
  const end = rightEnd()
  const readers = new Readers(end)
  showWarnings()
  const io = { stdin: process.stdin, stdout: data, stderr, env: process.env }
  const exitCode = await runIn(io, readers)
  write('', () => end(exitCode))
}

/** Runs the command in the working directory, which another program may have removed. */
async function runIn(io: Omit<Io, 'cwd'>, readers: Readers): Promise<number> {
  let cwd: string
  try {
    cwd = process.cwd()
  } catch {
    const { report } = await import('./errors/report.ts')
    const failure = usageError('The working directory is not there any more', 'Change to one that is.')
    return report(failure, { ...io, cwd: '/' })
  }
  return run(
    process.argv.slice(2),
    { ...io, cwd },
    { onSignal, onUncaught, begin: (isWriting) => readers.begin(isWriting) },
  )
}

/**
 * The readers of stdout and stderr. Nobody has to read the messages. `livetree tree | head` ends quietly once nobody reads its
 * data; a command that writes to the store goes on, and returns its true exit code.
 */
class Readers {
  #isWriting = false

  constructor(end: (exitCode: number) => void) {
    process.stderr.on('error', () => {})
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      const isGone = error.code === 'EPIPE'
      if (!isGone) process.stderr.write(`error: stdout cannot be written: ${safeLines(error.message)}\n`)
      if (!this.#isWriting) end(isGone ? 0 : 1)
    })
  }

  begin(isWriting: boolean): void {
    this.#isWriting = isWriting
  }
}

/**
 * Returns what ends the process, of which the first call counts. One that ends otherwise has failed, such as by `process.exit()` in
 * a configuration file: a gate must not pass by that.
 *
 * The process ends by itself where nothing holds it up: `process.exit()` waits for the threads of the compiler, and one of these
 * may wait for the main thread to collect garbage, both forever (nodejs/node#54918).
 */
function rightEnd(): (exitCode: number) => void {
  const onExit = (code: number) => {
    process.exitCode = 64
    process.stderr.write(
      `error: The process was ended with ${code} before the command was done\n` +
        'The configuration file, or what it imports, must not call process.exit().\n',
    )
  }
  process.on('exit', onExit)
  let isEnding = false
  return (exitCode) => {
    if (isEnding) return
    isEnding = true
    process.off('exit', onExit)
    process.exitCode = exitCode
    setTimeout(() => process.exit(), LINGER_MS).unref()
  }
}

/** Warnings of the libraries, such as a misspelt variable, in one line each. Those about Node's own features are left out. */
function showWarnings(): void {
  process.removeAllListeners('warning')
  process.on('warning', ({ name, message }) => {
    if (name === 'ExperimentalWarning' || message.includes('Module type of file')) return
    process.stderr.write(`warning: ${safeLines(message)}\n`)
  })
}

/** What ends a command from outside: a key, another program, a terminal that was closed. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Each signal interrupts the command, which ends at once by the second. */
function onSignal(interrupt: (signal: string) => void): () => void {
  for (const signal of SIGNALS) process.on(signal, interrupt)
  return () => {
    for (const signal of SIGNALS) process.off(signal, interrupt)
  }
}

/** Exceptions and rejections of promises that nobody handles. */
function onUncaught(fail: (error: unknown) => void): () => void {
  process.on('uncaughtException', fail)
  return () => process.off('uncaughtException', fail)
}
