import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** A script of a bench in a process of its own, which answers what it is asked. */
export interface BenchProcess {
  /** What it said when it was ready. */
  readonly first: unknown
  /** Sends a message and gives the next answer. One at a time. */
  ask(message: unknown): Promise<unknown>
  /** The next thing it says by itself. */
  next(): Promise<unknown>
  close(): Promise<void>
}

/**
 * Starts a script beside the caller. It says something once it is ready, then answers each message with one, and ends
 * when the channel closes.
 *
 * @throws Error when it ends before it has answered
 */
export async function startBenchProcess(
  script: URL,
  args: readonly string[],
  execArgv: readonly string[] = [],
): Promise<BenchProcess> {
  const child = fork(fileURLToPath(script), args, { execArgv: [...execArgv] })
  const first = await answerOf(child, script)
  return {
    first,
    async ask(message) {
      const answer = answerOf(child, script)
      child.send(message as object)
      return await answer
    },
    next: () => answerOf(child, script),
    async close() {
      const ended = once(child, 'exit')
      if (child.connected) child.disconnect()
      await ended
    },
  }
}

async function answerOf(child: ChildProcess, script: URL): Promise<unknown> {
  const settled = new AbortController()
  const { signal } = settled
  try {
    const answer = once(child, 'message', { signal })
    const ended = once(child, 'exit', { signal }).then(([code]) => {
      throw new Error(`${fileURLToPath(script)} ended with ${code} before it answered`)
    })
    const [message] = await Promise.race([answer, ended])
    return message
  } finally {
    settled.abort()
  }
}
