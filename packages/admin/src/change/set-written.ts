import type { Path } from '@livetree/core'
import { kindAt, pathText } from '@livetree/core/tools'
import { AdminError } from '../errors.ts'
import { parseYaml } from '../transfer/parse-yaml.ts'
import type { PlainTree } from '../transfer/plain-tree.ts'
import type { Workspace } from '../workspace.ts'
import type { LayerEdit } from './layer-edit.ts'

/**
 * Writes a value as people write it. The text of a scalar is written as it is, so that the schema reads it; where the schema has
 * a list or an object, the text is YAML, which JSON is too.
 *
 * @throws AdminError `invalid_value` for YAML that cannot be read, or is of another kind; `invalid_path`, `unwritable_value`
 */
export function setWritten({ settings }: Workspace, edit: LayerEdit, path: Path, text: string): void {
  const kind = settings.isUntyped ? 'scalar' : kindAt(settings.definition, path)
  if (kind !== 'directory' && kind !== 'list') {
    edit.setText(path, text)
    return
  }
  const tree = readYaml(path, text)
  const expected = kind === 'list' ? 'list' : 'object'
  if (tree.type !== expected)
    throw invalid(
      path,
      `expected ${expected === 'list' ? 'a list such as [a, b]' : 'an object such as { a: 1 }'}`,
    )
  if (kind === 'directory') clear(edit, path)
  edit.setTree(path, tree)
}

function clear(edit: LayerEdit, path: Path): void {
  try {
    edit.unset(path)
  } catch (error) {
    if (!(error instanceof AdminError) || error.code !== 'not_found') throw error
  }
}

function readYaml(path: Path, text: string): PlainTree {
  let documents: readonly PlainTree[]
  try {
    documents = parseYaml(text)
  } catch {
    throw invalid(path, 'the text is no YAML, and no JSON')
  }
  const [document, ...others] = documents
  if (document === undefined || others.length > 0) throw invalid(path, 'expected one YAML document')
  return document
}

function invalid(path: Path, what: string): AdminError {
  return new AdminError('invalid_value', { what: `Cannot set "${pathText(path)}": ${what}` })
}
