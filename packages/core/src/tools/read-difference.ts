import type { $ZodType } from 'zod/v4/core'
import type { ConfigDefinition } from '../config-definition.ts'
import { KeySet } from '../encryption/key-set.ts'
import type { Path } from '../issue.ts'
import { inputOf } from '../pipeline/input.ts'
import { LayerTree } from '../pipeline/layer-tree.ts'
import { storedPath } from '../pipeline/stored-path.ts'
import { TreeNode } from '../pipeline/tree-node.ts'
import { type RawIssue, validateRead } from '../pipeline/validate.ts'
import { schemaNodeAt } from '../schema/describe.ts'
import { isPlainLeaf } from '../schema/directory.ts'
import type { TextPlace } from './encrypted-text.ts'
import { firstDifference } from './first-difference.ts'
import { pathOf } from './schema-at.ts'

/**
 * Where a key with envelopes is read as another value than with the plain texts that are in them, as a path of the schema;
 * undefined where both are alike. An envelope holds the text of a key, which has no type, and a value in a document has one.
 * What the schema refuses in plain text is not compared.
 */
export function readDifference(
  definition: ConfigDefinition<$ZodType>,
  { path, layer }: TextPlace,
  { plain, encrypted }: { readonly plain: string; readonly encrypted: string },
  keys: KeySet,
): Path | undefined {
  const { compiled, naming } = definition
  const names = pathOf(path)
  const at = [...names]
  let node = schemaNodeAt(compiled, at)
  for (; node === undefined; node = schemaNodeAt(compiled, at)) at.pop()
  const schemaNode = node
  // The text of a scalar's key is the same, in an envelope or not.
  if (isPlainLeaf(schemaNode) && at.length === names.length) return undefined
  const options = {
    isRenamed: naming !== 'exact',
    keys: new KeySet({ keys: keys.keysBeside([]), plaintext: 'accept' }),
  }
  const read = (text: string) => {
    const tree = new LayerTree(compiled, [layer], options)
    tree.set(0, { path: storedPath(compiled, names, layer), value: text, revision: 0 })
    let place = tree.root
    for (const name of at) place = place.child(String(name)) ?? new TreeNode('')
    const issues: RawIssue[] = []
    const input = inputOf(schemaNode, place, -1, issues)
    return { input, result: () => validateRead(schemaNode.schema, input, issues) }
  }
  const [before, after] = [read(plain), read(encrypted)]
  const difference = firstDifference(before.input, after.input)
  if (difference === undefined) return undefined
  const [meant, found] = [before.result(), after.result()]
  if (!meant.isValid) return undefined
  // Another place of a shared directory may ask for an envelope that is refused here, whatever its text.
  if (!found.isValid && found.issues.some(({ code }) => code === 'not_marked_encrypted')) return undefined
  const isSame = found.isValid && firstDifference(meant.value, found.value) === undefined
  return isSame ? undefined : [...at, ...difference]
}
