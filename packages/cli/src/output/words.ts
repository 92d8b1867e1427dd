import type { Style, Tone } from './style.ts'

/** How a value, or the text of a key, differs from before. */
export type ChangeType = 'added' | 'changed' | 'removed'

const SIGNS = { added: '+', changed: '~', removed: '-' } as const
const TONES: Readonly<Record<ChangeType, Tone>> = { added: 'good', changed: 'warn', removed: 'bad' }

/** The sign with which the line of a change begins. */
export function signOf(type: ChangeType, style: Style): string {
  return style(TONES[type], SIGNS[type])
}

/** `1 change`, `2 changes` */
export function counted(many: number, what: string): string {
  return `${many} ${what}${many === 1 ? '' : 's'}`
}

/** ` Did you mean NAME?`, to follow a sentence; nothing where no name is near. */
export function meantHint(name: string | undefined): string {
  return name === undefined ? '' : ` Did you mean ${name}?`
}

/** Lines as one text. */
export function linesText(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('')
}
