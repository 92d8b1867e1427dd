import { styleText } from 'node:util'

/** The kind of a line: an action, a success, an intended rejection, or a failure. */
export type Tone = 'plain' | 'good' | 'refused' | 'bad'

const styles = { plain: 'bold', good: 'green', refused: 'yellow', bad: 'red' } as const

/** Writes `12:00:00.123  label  text` with the current time. */
export function say(label: string, text: string, tone: Tone = 'plain'): void {
  const now = new Date()
  const time = now.toTimeString().slice(0, 8)
  const stamp = `${time}.${String(now.getMilliseconds()).padStart(3, '0')}`
  process.stdout.write(`${styleText('dim', stamp)}  ${styleText(styles[tone], label.padEnd(9))} ${text}\n`)
}

/** Writes a continuation of the previous line, without a time. */
export function sayMore(text: string): void {
  process.stdout.write(`${' '.repeat(24)}${text}\n`)
}

/** An empty line and a heading. */
export function heading(text: string): void {
  process.stdout.write(`\n${styleText('bold', text)}\n`)
}

/** `4.2 ms`, or `1.2 s` from a second on. */
export function inWords(ms: number): string {
  return ms < 1_000 ? `${ms.toFixed(1)} ms` : `${(ms / 1_000).toFixed(1)} s`
}
