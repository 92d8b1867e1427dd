import { ask } from './ask.ts'
import { readCommandLine, USAGE } from './command-line.ts'
import { createProject } from './create-project.ts'
import { nextSteps } from './next-steps.ts'
import { Refusal } from './refusal.ts'

/** What the command reads and writes. */
export interface Outside {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean | undefined }
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean | undefined }
  readonly stderr: NodeJS.WritableStream
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
}

/** Runs the command. Returns its exit code: 0, 64 for a wrong command line, 1 for a refusal, 130 when the questions are left. */
export async function main(args: readonly string[], outside: Outside): Promise<number> {
  const { stdin, stdout, stderr, env, cwd } = outside
  try {
    const { isHelp, name, framework } = readCommandLine(args)
    if (isHelp) {
      stdout.write(`${USAGE}\n`)
      return 0
    }
    const isAsked = stdin.isTTY === true && stdout.isTTY === true
    if (!isAsked && name === undefined) throw new Refusal('usage', 'The name of the app is missing.')
    const given = { name, framework: isAsked ? framework : (framework ?? 'plain') }
    const answers = isAsked ? await ask(given, outside) : (given as { name: string; framework: 'plain' })
    if (answers === undefined) {
      stderr.write('\nNothing was written.\n')
      return 130
    }
    const target = createProject({ ...answers, cwd })
    stdout.write(nextSteps(target, answers.framework, env['npm_config_user_agent']))
    return 0
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    stderr.write(`error: ${error.message}\n${error.kind === 'usage' ? `\n${USAGE}\n` : ''}`)
    return error.kind === 'usage' ? 64 : 1
  }
}
