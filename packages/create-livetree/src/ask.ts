import { createInterface, type Interface } from 'node:readline/promises'
import { FRAMEWORK_TABLE, FRAMEWORKS, type FrameworkName, isFramework } from './frameworks.ts'
import { nameProblem } from './project-name.ts'

/** Where questions are put. */
export interface Terminal {
  readonly stdin: NodeJS.ReadableStream
  readonly stdout: NodeJS.WritableStream
}

/** What is missing. */
export interface Missing {
  readonly name: string | undefined
  readonly framework: FrameworkName | undefined
}

/** Asks for what is missing, again where the answer is wrong. Undefined if there is no answer: the input ended, or Ctrl-C. */
export async function ask(
  { name, framework }: Missing,
  { stdin, stdout }: Terminal,
): Promise<{ name: string; framework: FrameworkName } | undefined> {
  const lines = createInterface({ input: stdin, output: stdout })
  const abandoned = new AbortController()
  lines.once('close', () => abandoned.abort())
  try {
    return {
      name: name ?? (await askName(lines, stdout, abandoned.signal)),
      framework: framework ?? (await askFramework(lines, stdout, abandoned.signal)),
    }
  } catch (error) {
    if (abandoned.signal.aborted) return undefined
    throw error
  } finally {
    lines.close()
  }
}

async function askName(
  lines: Interface,
  stdout: NodeJS.WritableStream,
  signal: AbortSignal,
): Promise<string> {
  for (;;) {
    const answer = (await lines.question('Name of the app (my-app): ', { signal })).trim() || 'my-app'
    const problem = answer === '.' ? undefined : nameProblem(answer)
    if (problem === undefined) return answer
    stdout.write(`${JSON.stringify(answer)} cannot be the name: ${problem}.\n`)
  }
}

async function askFramework(
  lines: Interface,
  stdout: NodeJS.WritableStream,
  signal: AbortSignal,
): Promise<FrameworkName> {
  const list = FRAMEWORKS.map((name, index) => `${index + 1} ${FRAMEWORK_TABLE[name].title}`).join(', ')
  for (;;) {
    const answer = (await lines.question(`Framework: ${list} (1): `, { signal })).trim().toLowerCase() || '1'
    const chosen = FRAMEWORKS[Number(answer) - 1] ?? answer
    if (isFramework(chosen)) return chosen
    stdout.write(
      `There is no ${JSON.stringify(answer)}: give a number from 1 to ${FRAMEWORKS.length}, or a name.\n`,
    )
  }
}
