import { RootCommand } from '@bomb.sh/tab'

type Shell = 'bash' | 'zsh' | 'fish' | 'powershell'

/** The script that makes a shell ask `livetree complete -- …`. */
export function completionScript(shell: string): string {
  const name = 'livetree'
  return printedBy(() => new RootCommand().setup(name, name, shell as Shell))
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
