import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { waitFor } from './wait-for.ts'

/** Plays against a running script: `printed` resolves once its output contains a text. */
export type Play = (printed: (text: string) => Promise<unknown>) => Promise<void>

/**
 * Runs a script of ours in a Node of its own and waits until it ends; its standard input is closed when `play` is over,
 * or at once. It reads the packages as built.
 *
 * @throws Error with its output when it has not ended by itself after `timeoutMs`, default 20,000; what `play` throws.
 */
export async function runNode(
  script: URL,
  env: Record<string, string>,
  timeoutMs = 20_000,
  play: Play = async () => {},
): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [fileURLToPath(script)], { env: { ...process.env, ...env } })
  let output = ''
  const take = (chunk: Buffer) => {
    output += chunk
  }
  child.stdout.on('data', take)
  child.stderr.on('data', take)
  let code: number | null | undefined
  child.on('close', (exitCode) => {
    code = exitCode
  })
  const printed = (text: string) =>
    waitFor(() => output.includes(text), {
      timeoutMs,
      what: `"${text}" in what ${script.pathname} printed:\n${output}`,
    })
  try {
    await play(printed)
    child.stdin.end()
    await waitFor(() => code !== undefined, { timeoutMs, what: `${script.pathname} to end by itself` })
    return { code: code ?? null, output }
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${output}`, { cause: error })
  } finally {
    child.kill('SIGKILL')
  }
}
