import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import { absolutePath } from '@livetree/core/source'
import { type JsonSchema, toJsonSchema } from '@livetree/core/tools'
import { findConfig } from '../config-file/find-config.ts'
import { loadDefinitions, onlyDefinition } from '../config-file/load-definitions.ts'
import { usageError } from '../errors/cli-error.ts'
import type { Session } from '../session.ts'
import { readInput } from './read-input.ts'

const run = promisify(execFile)

/**
 * The JSON Schema of before: of a file that `livetree schema print` wrote, or of the configuration file at a revision of git.
 *
 * @throws CliError 64 for anything else
 */
export async function earlierSchema(session: Session, before: string): Promise<JsonSchema> {
  if (before !== '-' && !existsSync(absolutePath(before, session.io.cwd)))
    return schemaAtRevision(session, before)
  const text = await readInput(session, before)
  try {
    const schema: unknown = JSON.parse(text)
    if (typeof schema === 'object' && schema !== null && !Array.isArray(schema)) return schema as JsonSchema
  } catch {
    // Said below.
  }
  throw usageError(
    `${before} is no JSON Schema`,
    'Give what `livetree schema print` wrote, or a revision of git.',
  )
}

async function schemaAtRevision(session: Session, revision: string): Promise<JsonSchema> {
  const config = findConfig(session.options.config, session.io.cwd)
  if (config === undefined || revision.startsWith('-'))
    throw usageError(
      `"${revision}" is no file, and there is no configuration file whose history could be read`,
    )
  const git = (folder: string, ...args: readonly string[]) =>
    run('git', ['-C', folder, ...args], { encoding: 'buffer', maxBuffer: 2 ** 30 })
  const top = await git(join(config.file, '..'), 'rev-parse', '--show-toplevel').catch(() => {
    throw usageError(`"${revision}" is no file, and ${config.file} is in no repository of git`)
  })
  const root = String(top.stdout).trim()
  const archive = await git(root, 'archive', '--format=tar', `${revision}^{tree}`).catch(() => {
    throw usageError(
      `"${revision}" is no file, and no revision of git`,
      'Give what `livetree schema print` wrote, or a revision.',
    )
  })
  // Inside the repository, so that the packages it installed are found from there.
  const folder = await mkdtemp(join(root, '.livetree-schema-'))
  session.closing(() => rm(folder, { recursive: true, force: true }))
  const tar = join(folder, 'tree.tar')
  await writeFile(tar, archive.stdout)
  await run('tar', ['-xf', tar, '-C', folder])
  const file = join(folder, relative(root, config.file))
  if (!existsSync(file)) throw usageError(`There was no ${relative(root, config.file)} at ${revision}`)
  const then = { file, exportName: config.exportName }
  return toJsonSchema(onlyDefinition(await session.loading(then, () => loadDefinitions(then)), then))
}
