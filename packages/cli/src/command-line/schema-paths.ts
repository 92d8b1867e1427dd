import { leavesOf, pathText } from '@livetree/core/tools'
import { storeOf } from 'livetree/operate'
import { findConfig } from '../config-file/find-config.ts'
import { type Definition, loadDefinitions } from '../config-file/load-definitions.ts'
import { sourcesOf } from '../config-file/sources-of.ts'
import type { Io } from '../output/io.ts'

/** The definitions that the configuration file here has; none where that cannot be read. */
async function definitionsHere(words: readonly string[], io: Io): Promise<readonly Definition[]> {
  const flag = words.findIndex((word) => word === '--config' || word === '-c')
  const variable = io.env['LIVETREE_CONFIG']
  const given = flag >= 0 ? words[flag + 1] : variable === '' ? undefined : variable
  const file = findConfig(given, io.cwd)
  const named = file === undefined ? [] : await loadDefinitions(file)
  return named.map(({ definition }) => definition)
}

/** The layers of the configuration file here: by what `--overlay` takes, the last name, or what `--layer` takes. */
export async function layerNames(
  words: readonly string[],
  io: Io,
  option: 'overlay' | 'layer',
): Promise<readonly string[]> {
  try {
    const definitions = await definitionsHere(words, io)
    const stores = definitions.flatMap((definition) =>
      sourcesOf(definition).flatMap((source) => storeOf(source) ?? []),
    )
    const prefixes = stores.flatMap(({ layers }) => layers.map(({ keyPrefix }) => keyPrefix.slice(0, -1)))
    const overlays = stores.flatMap(({ layers, overlays: own = [] }) =>
      own.length > 0 ? own : layers.map(({ keyPrefix }) => keyPrefix.split('/').at(-2) ?? ''),
    )
    return [...new Set(option === 'layer' ? prefixes : overlays)]
  } catch {
    return []
  }
}

/** The paths of the schema that the configuration file here has; none where that cannot be read. */
export async function schemaPaths(words: readonly string[], io: Io): Promise<readonly string[]> {
  try {
    const paths = new Set<string>()
    for (const definition of await definitionsHere(words, io))
      for (const { path } of leavesOf(definition)) {
        const end = path.indexOf('<key>')
        for (let length = 1; length <= (end < 0 ? path.length : end); length++)
          paths.add(pathText(path.slice(0, length)))
      }
    return [...paths]
  } catch {
    return []
  }
}
