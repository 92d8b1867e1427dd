import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// Draws the picture that the README begins with: what the demo prints of its first three scenes, in the colours of a terminal, as
// docs/pictures/demo.svg. `npm run pictures` calls it.

/** Characters of one style. */
interface Run {
  readonly text: string
  readonly style: string
}

const STYLES: Readonly<Record<string, string>> = { 1: 'b', 2: 'd', 31: 'r', 32: 'g', 33: 'y' }
const COLUMN = 7.8
const LINE = 19

/** What the demo prints of its first three scenes. */
function playDemo(): string[] {
  const demo = fileURLToPath(new URL('../examples/demo/src/main.ts', import.meta.url))
  const env = { ...process.env, FORCE_COLOR: '1', NO_COLOR: undefined }
  const { stdout, status, stderr } = spawnSync(process.execPath, [demo], {
    env,
    encoding: 'utf8',
    timeout: 120_000,
  })
  if (status !== 0) throw new Error(`The demo ended with ${status}:\n${stdout}${stderr}`)
  const begin = stdout.search(/^[^\n]{0,9}1\. /m)
  const end = stdout.search(/^[^\n]{0,9}4\. /m)
  return stdout.slice(begin, end).trim().split('\n')
}

/** The runs of a line; the escape sequences of a terminal begin and end them. */
function runsOf(line: string): Run[] {
  const [first = '', ...parts] = line.split('\x1b[')
  const styled = parts.map((part) => {
    const end = part.indexOf('m')
    return { text: part.slice(end + 1), style: STYLES[part.slice(0, end)] ?? '' }
  })
  return [{ text: first, style: '' }, ...styled].filter(({ text }) => text !== '')
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}

function draw(lines: readonly (readonly Run[])[]): string {
  const columns = Math.max(...lines.map((runs) => runs.reduce((sum, { text }) => sum + text.length, 0)))
  const width = Math.ceil(columns * COLUMN) + 40
  const height = lines.length * LINE + 40
  const texts = lines.map((runs, index) => {
    const spans = runs.map(({ text, style }) => `<tspan class="${style}">${escaped(text)}</tspan>`)
    return `<text x="20" y="${index * LINE + 33}">${spans.join('')}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">
<title>What the demo prints: a write, the change that it is, a value that is refused, and the next good one</title>
<style>
text { font: 13px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #d4d7dc; white-space: pre }
.b { font-weight: bold } .d { fill: #8b929c } .g { fill: #6fcf7f } .y { fill: #e8c069 } .r { fill: #f08080 }
</style>
<rect width="${width}" height="${height}" rx="8" fill="#1c1f26"/>
${texts.join('\n')}
</svg>
`
}

const lines = playDemo().map(runsOf)
writeFileSync(new URL('../docs/pictures/demo.svg', import.meta.url), draw(lines))
