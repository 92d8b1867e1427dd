import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { build } from 'rolldown'

/** Writes the pages of the package in the working directory from `ui` to `dist/ui`: one script, and one style sheet. */
mkdirSync('dist/ui', { recursive: true })
await build({
  input: { app: 'ui/main.tsx' },
  platform: 'browser',
  tsconfig: 'ui/tsconfig.json',
  transform: { target: 'es2023' },
  output: { dir: 'dist/ui', format: 'esm', minify: true, entryFileNames: '[name].js' },
})
const style = readFileSync('ui/style.css', 'utf8')
const short = style
  .replaceAll(/\/\*[\s\S]*?\*\//g, '')
  .replaceAll(/\s+/g, ' ')
  .replaceAll(/ ?([{};,]) ?/g, '$1')
writeFileSync('dist/ui/app.css', short.trim())
