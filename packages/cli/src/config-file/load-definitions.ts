import { relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { ConfigDefinition } from '@livetree/core'
import { nearestName } from '@livetree/core/tools'
import type { $ZodType } from 'zod/v4/core'
import { usageError } from '../errors/cli-error.ts'
import { thrownBy } from '../errors/thrown-by.ts'
import { meantHint } from '../output/words.ts'
import type { ConfigFile } from './find-config.ts'

/** A definition of a configuration file. */
export type Definition = ConfigDefinition<$ZodType>

/** A definition, and the name under which the file exports it. */
export interface NamedDefinition {
  readonly exportName: string
  readonly definition: Definition
}

/**
 * Imports a configuration file and returns the definitions that it exports, or the one that was asked for.
 *
 * @throws CliError 64 for a file that cannot be imported, or exports no such definition
 */
export async function loadDefinitions({ file, exportName }: ConfigFile): Promise<readonly NamedDefinition[]> {
  const exported = definitionsOf(await importFile(file))
  const found = eachOnce(exported)
  const names = found.map((each) => each.exportName)
  const shown = relative('', file)
  if (exportName === undefined) {
    if (found.length > 0) return found
    throw usageError(
      `${shown} exports no definition`,
      'Export what defineConfig() returned: export default defineConfig({ … }).',
    )
  }
  const chosen =
    exported.find((each) => each.exportName === exportName) ??
    found.find((each) => each.definition.name === exportName)
  if (chosen !== undefined) return [chosen]
  const meant = nearestName(exportName, names)
  const hint = meantHint(meant && `#${meant}`)
  throw usageError(
    `${shown} exports no definition "${exportName}".${hint}`,
    `It exports: ${names.join(', ') || 'none'}.`,
  )
}

/**
 * The one definition that is meant.
 *
 * @throws CliError 64 where there are several
 */
export function onlyDefinition(all: readonly NamedDefinition[], { file }: ConfigFile): Definition {
  const [first, ...others] = all
  if (first !== undefined && others.length === 0) return first.definition
  const names = all.map(({ exportName, definition }) => `#${exportName} ("${definition.name}")`)
  throw usageError(
    `${relative('', file)} exports ${all.length} definitions: ${names.join(', ')}`,
    `Choose one: --config '#${first?.exportName ?? ''}'.`,
  )
}

async function importFile(file: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>
  } catch (error) {
    const { why, code } = thrownBy(error)
    throw usageError(`${relative('', file)} cannot be imported: ${why}`, remedyOf(code))
  }
}

function remedyOf(code: unknown): string {
  if (code === 'ERR_MODULE_NOT_FOUND')
    return 'Install what it imports (npm install livetree zod), and name files with their extension.'
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX')
    return 'Node runs TypeScript by removing types: no enum, namespace or parameter properties in this file.'
  return 'The file runs in Node as it is. Try: node --input-type=module -e "await import(…)".'
}

/** The definitions among the exports of a module, under all their names; `default` last. */
function definitionsOf(module: Readonly<Record<string, unknown>>): readonly NamedDefinition[] {
  const names = Object.keys(module).sort((a, b) => Number(a === 'default') - Number(b === 'default'))
  return names.flatMap((exportName) => {
    const definition = module[exportName]
    return isDefinition(definition) ? [{ exportName, definition }] : []
  })
}

/** Each definition under the first of its names. */
function eachOnce(exported: readonly NamedDefinition[]): readonly NamedDefinition[] {
  return exported.filter(
    ({ definition }, index) => exported.findIndex((each) => each.definition === definition) === index,
  )
}

/** Whether a value is what `defineConfig` returned, of whichever copy of livetree. */
function isDefinition(value: unknown): value is Definition {
  if (typeof value !== 'object' || value === null) return false
  try {
    const { name, compiled, load } = value as Partial<Definition>
    return typeof name === 'string' && typeof compiled === 'object' && typeof load === 'function'
  } catch {
    return false
  }
}
