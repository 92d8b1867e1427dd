import type { Path } from '@livetree/core'
import { kindAt, pathText, readText } from '@livetree/core/tools'
import { AdminError } from '../errors.ts'
import { whyUnreadable } from '../transfer/formats.ts'
import type { PlainTree } from '../transfer/plain-tree.ts'
import type { TreeState } from '../tree/tree-state.ts'
import type { Workspace } from '../workspace.ts'
import type { ReadStep, Step } from './draft.ts'

/**
 * Reads values as people write them. The text of a scalar is written as it is, so that the schema reads it; where the schema has
 * a list or an object, the text is YAML, which JSON is too; one that the schema takes there as a text or another scalar is written as
 * it is. Only then what reads YAML is loaded.
 *
 * @throws AdminError `invalid_value` for YAML that cannot be read, or is of another kind; `unreadable` for such a text of a layer
 */
export async function readWritten(
  workspace: Workspace,
  steps: readonly Step[],
  state: TreeState,
): Promise<readonly ReadStep[]> {
  const read: ReadStep[] = []
  for (const step of steps)
    if (step.type === 'edited') {
      const { editedSteps } = await import('./edited-text.ts')
      read.push(...editedSteps(workspace, step, state))
    } else read.push(step.type === 'written' ? await readStep(workspace, step) : step)
  return read
}

async function readStep(
  { settings }: Workspace,
  { prefix, path, text }: Extract<Step, { type: 'written' }>,
): Promise<ReadStep> {
  const kind = settings.isUntyped ? 'scalar' : kindAt(settings.definition, path)
  if (kind !== 'directory' && kind !== 'list') return { type: 'text', prefix, path, text }
  const isText = readText(settings.definition, path, text) !== undefined
  const tree = await readYaml(path, text).catch((error) => {
    if (!isText) throw error
  })
  const expected = kind === 'list' ? 'list' : 'object'
  if (tree?.type === expected) return { type: 'part', prefix, path, tree }
  if (isText) return { type: 'text', prefix, path, text }
  throw invalid(
    path,
    `expected ${expected === 'list' ? 'a list such as [a, b]' : 'an object such as { a: 1 }'}`,
  )
}

async function readYaml(path: Path, text: string): Promise<PlainTree> {
  const { parseYaml } = await import('../transfer/parse-yaml.ts')
  let documents: readonly PlainTree[]
  try {
    documents = parseYaml(text)
  } catch (error) {
    throw invalid(path, `the text cannot be read: ${whyUnreadable(error)}`)
  }
  const [document, ...others] = documents
  if (document === undefined || others.length > 0) throw invalid(path, 'expected one YAML document')
  return document
}

function invalid(path: Path, what: string): AdminError {
  return new AdminError('invalid_value', { what: `Cannot set "${pathText(path)}": ${what}` })
}
