import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Outcome } from '../command-line/runner.ts'
import { CONFIG_NAMES } from '../config-file/find-config.ts'
import { DEFAULT_ENDPOINT } from '../connect/client-overrides.ts'
import { usageError } from '../errors/cli-error.ts'
import type { Session } from '../session.ts'

/** `livetree init`: a configuration file to begin with. */
export async function init(
  session: Session,
  _: readonly unknown[],
  options: { readonly name?: string | undefined; readonly force?: boolean | undefined },
): Promise<Outcome> {
  const { cwd } = session.io
  const { root, overlays = ['base', 'prod'], endpoints = [DEFAULT_ENDPOINT] } = session.options
  const known = CONFIG_NAMES.find((name) => existsSync(join(cwd, name)))
  if (known !== undefined && options.force !== true)
    throw usageError(`${known} is there already`, 'Edit it, or replace it with --force.')
  const name = options.name ?? (basename(cwd).replace(/[^\w.-]+/g, '-') || 'app')
  if (/^\s*$|[\p{Cc}\p{Zl}\p{Zp}]/u.test(name))
    throw usageError(`--name ${JSON.stringify(name)} is no name`, 'Give a word, such as shop.')
  const directory = (root ?? `/config/${name}`).replace(/\/+$/, '')
  const file = known ?? 'livetree.config.ts'
  await write(join(cwd, file), fileText({ name, directory, overlays, endpoints }))
  for (const line of [
    `Wrote ${file}. Next:`,
    '  npm install livetree zod',
    `  livetree set greeting Hello --overlay ${overlays[0] ?? 'base'}`,
    '  livetree tree',
  ])
    session.noteAtEnd(line)
  return { result: { data: { file, name, root: directory, overlays, endpoints }, text: () => `${file}\n` } }
}

async function write(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text)
  } catch (error) {
    throw usageError(
      `${file} cannot be written: ${(error as Error).message}`,
      'Run it in a folder that you may write.',
    )
  }
}

interface Written {
  readonly name: string
  readonly directory: string
  readonly overlays: readonly string[]
  readonly endpoints: readonly string[]
}

function fileText({ name, directory, overlays, endpoints }: Written): string {
  const quoted = (text: string) =>
    `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`
  const list = (texts: readonly string[]) => `[${texts.map(quoted).join(', ')}]`
  return `import { defineConfig, etcd } from 'livetree'
import * as z from 'zod'

/** What the service reads, and what \`livetree\` judges every write by. */
export default defineConfig({
  name: ${quoted(name)},
  schema: z.object({
    greeting: z.string().default('Hello'),
    pool: z.object({ max: z.number().int().min(1).max(200).default(10) }),
  }),
  sources: () => [
    etcd({
      endpoints: ${list(endpoints)},
      root: ${quoted(directory)},
      overlays: ${list(overlays)},
    }),
  ],
})
`
}
