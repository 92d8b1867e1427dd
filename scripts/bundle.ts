import { existsSync, globSync, readFileSync, rmSync } from 'node:fs'
import { build } from 'rolldown'

/**
 * Writes the code of the package in the working directory to `dist`: one file for each entry of its package.json, and
 * what they share, since Node takes longer to find and open a hundred modules than to run them. The types beside it are
 * the compiler's work.
 */
const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  readonly exports: Readonly<Record<string, { readonly default: string }>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}
const outputs = [
  ...Object.values(manifest.exports).map((entry) => entry.default),
  // What the file of a command imports.
  ...(existsSync('src/bin.ts') ? ['./dist/bin.js'] : []),
]
const nameOf = (output: string) => output.slice('./dist/'.length, -'.js'.length)
const installed = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })

for (const file of globSync('dist/**/*.{js,js.map}')) rmSync(file)
await build({
  input: Object.fromEntries(outputs.map((output) => [nameOf(output), `src/${nameOf(output)}.ts`])),
  platform: 'node',
  external: [/^node:/, ...installed.map((name) => new RegExp(`^${name}(/|$)`))],
  tsconfig: 'tsconfig.json',
  transform: { target: 'es2023' },
  output: { dir: 'dist', sourcemap: true, sourcemapExcludeSources: true, chunkFileNames: '[name].js' },
})
