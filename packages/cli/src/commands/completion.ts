import type { Outcome } from '../command-line/runner.ts'
import type { Session } from '../session.ts'
import { completionScript } from '../command-line/completion-script.ts'

/** `livetree completion SHELL` */
export async function completion(_: Session, [shell]: readonly [shell: string]): Promise<Outcome> {
  const script = completionScript(shell)
  return { result: { data: { shell, script }, text: () => script, isExact: true } }
}
