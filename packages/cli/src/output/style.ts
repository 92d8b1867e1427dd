import { styleText } from 'node:util'
import type { OutStream } from './io.ts'

/** What a part of a text stands for. */
export type Tone = 'good' | 'bad' | 'warn' | 'dim' | 'strong'

const FORMATS = { good: 'green', bad: 'red', warn: 'yellow', dim: 'dim', strong: 'bold' } as const

/** Colours for one stream: none where it is no terminal, or where the environment says `NO_COLOR`. */
export type Style = (tone: Tone, text: string) => string

/** The colours of a stream. */
export function styleFor(stream: OutStream, env: Readonly<Record<string, string | undefined>>): Style {
  const isPlain = stream.isTTY !== true || (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb'
  return (tone, text) => (isPlain ? text : styleText(FORMATS[tone], text, { validateStream: false }))
}
