import { run } from './run.ts'
import { safeLines } from './output/safe-text.ts'

/** Runs the command line of this process and ends it. */
export async function main(): Promise<void> {
  const { stdout } = process
  // What a configuration file prints while it is imported is no data.
  const write = stdout.write.bind(stdout)
  const data = {
    get isTTY() {
      return stdout.isTTY
    },
    get columns() {
      return stdout.columns
    },
    write: (text: string, done?: () => void) => write(text, () => done?.()),
  }
  stdout.write = process.stderr.write.bind(process.stderr) as typeof stdout.write
  endWithReaders()
  showWarnings()
  const exitCode = await run(
    process.argv.slice(2),
    { stdin: process.stdin, stdout: data, stderr: process.stderr, env: process.env, cwd: process.cwd() },
    onInterrupt,
  )
  // What a configuration file left open does not hold the process up.
  write('', () => process.exit(exitCode))
}

/** `livetree … | head` ends quietly: nobody reads any more. */
function endWithReaders(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      process.exit(error.code === 'EPIPE' ? 0 : 1)
    })
}

/** Warnings of the libraries, such as a misspelt variable, in one line each. Those about Node's own features are left out. */
function showWarnings(): void {
  process.removeAllListeners('warning')
  process.on('warning', ({ name, message }) => {
    if (name === 'ExperimentalWarning' || message.includes('Module type of file')) return
    process.stderr.write(`warning: ${safeLines(message)}\n`)
  })
}

/** The first signal interrupts the command, the second ends the process. */
function onInterrupt(interrupt: () => void): () => void {
  let isSecond = false
  const onSignal = () => {
    if (isSecond) process.exit(130)
    isSecond = true
    interrupt()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return () => {
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
  }
}
