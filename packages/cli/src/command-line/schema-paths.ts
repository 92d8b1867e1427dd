import { leavesOf, pathText } from '@livetree/core/tools'
import { findConfig } from '../config-file/find-config.ts'
import { loadDefinitions } from '../config-file/load-definitions.ts'
import type { Io } from '../output/io.ts'

/** The paths of the schema that the configuration file here has; none where that cannot be read. */
export async function schemaPaths(words: readonly string[], io: Io): Promise<readonly string[]> {
  try {
    const flag = words.findIndex((word) => word === '--config' || word === '-c')
    const variable = io.env['LIVETREE_CONFIG']
    const given = flag >= 0 ? words[flag + 1] : variable === '' ? undefined : variable
    const file = findConfig(given, io.cwd)
    const definitions = file === undefined ? [] : await loadDefinitions(file)
    const paths = new Set<string>()
    for (const { definition } of definitions)
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
