import { readFileSync } from 'node:fs'
import type { FuzzResult } from './fuzz-target.ts'

export interface FuzzRow extends FuzzResult {
  readonly name: string
  readonly what: string
}

const versionOf = (name: string): string => {
  const path = new URL(`../../node_modules/${name}/package.json`, import.meta.url)
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}

/** The page about a run: how it was made, and what each target came to. */
export function reportOf(rows: readonly FuzzRow[], run: { cases: number; seed: number }): string {
  const total = rows.reduce((sum, { cases }) => sum + cases, 0)
  const failures = rows.filter(({ failure }) => failure !== undefined).length
  const count = (value: number) => value.toLocaleString('en-US')
  return `# Bad input

Written by \`npm run fuzz -- --cases ${run.cases} --seed ${run.seed} --report docs/fuzz.md\`. The same targets run in CI with fewer cases.

Each case is made by fast-check from the seed: valid input, input broken on purpose (cut off, bits flipped, parts doubled,
moved, or replaced by extreme lengths and numbers), and random bytes. A case fails when its criterion below does not hold,
when it takes more than 5 s of processor time or never settles, or when a prototype of the language differs after it. Each
target runs in a thread that is ended when no case finishes for 120 s.

${count(total)} cases, ${failures} failures. Node ${process.versions.node}, fast-check ${versionOf('fast-check')}, zod ${versionOf('zod')}, yaml ${versionOf('yaml')}, dotenv ${versionOf('dotenv')}, undici ${versionOf('undici')}.

| target | input and criterion | cases | failures |
|---|---|--:|--:|
${rows.map(({ name, what, cases, failure }) => `| ${name} | ${what} | ${count(cases)} | ${failure === undefined ? 0 : 1} |`).join('\n')}
`
}
