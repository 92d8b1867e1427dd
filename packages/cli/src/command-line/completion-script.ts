import { RootCommand } from '@bomb.sh/tab'
import { BASH, POWERSHELL, ZSH } from './shell-scripts.ts'

const SCRIPTS: Readonly<Record<string, string>> = { bash: BASH, zsh: ZSH, powershell: POWERSHELL }

/**
 * The script that makes a shell ask `livetree complete -- …`. What is typed is handed on word by word, and never read as
 * commands: of the scripts of the library, that of fish alone does so.
 */
export function completionScript(shell: string): string {
  return SCRIPTS[shell] ?? printedBy(() => new RootCommand().setup('livetree', 'livetree', 'fish'))
}

/** What a call of the completion library prints: it has no other way to give it back. */
export function printedBy(call: () => void): string {
  const { log } = console
  let text = ''
  console.log = (line: unknown) => {
    text += `${String(line)}\n`
  }
  try {
    call()
  } finally {
    console.log = log
  }
  return text
}
