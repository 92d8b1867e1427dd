import type { $ZodType } from 'zod/v4/core'
import type { ConfigDefinition } from '../config-definition.ts'
import { KeySet } from '../encryption/key-set.ts'
import type { Path } from '../issue.ts'
import { isPlainObject } from '../pipeline/document.ts'
import { inputOf } from '../pipeline/input.ts'
import { LayerTree } from '../pipeline/layer-tree.ts'
import { storedPath } from '../pipeline/stored-path.ts'
import { TreeNode } from '../pipeline/tree-node.ts'
import { type RawIssue, validate, validateRead, type ValidationResult } from '../pipeline/validate.ts'
import { schemaNodeAt } from '../schema/describe.ts'
import { isPlainLeaf } from '../schema/directory.ts'
import type { SchemaNode } from '../schema/schema-node.ts'
import { fieldOf } from '../thrown.ts'
import type { TextPlace } from './encrypted-text.ts'
import { firstDifference } from './first-difference.ts'
import { pathOf } from './schema-at.ts'

/**
 * Where a key with envelopes is read as another value than with the plain texts that are in them, as a path of the schema;
 * undefined where both are alike. An envelope holds the text of a key, which has no type, and a value in a document has one.
 * A part that the schema refuses in plain text is not compared.
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
  const differences = differingParts(before.input, after.input)
  const [first] = differences
  if (first === undefined) return undefined
  const found = after.result()
  // Another place of a shared directory may ask for an envelope that is refused here, whatever its text.
  if (!found.isValid && found.issues.some(({ code }) => code === 'not_marked_encrypted')) return undefined
  const whole = compareResults(before.result(), found)
  if (whole !== 'refused') return whole === 'same' ? undefined : [...at, ...first.path]
  // Other layers may have what is missing, and what is wrong may be mended: each part is looked at alone.
  const changed = differences.find((part) => isPartOther(schemaNode, part))
  return changed === undefined ? undefined : [...at, ...changed.path]
}

interface Difference {
  readonly path: Path
  readonly plain: unknown
  readonly encrypted: unknown
}

/** The innermost parts that differ. */
function differingParts(plain: unknown, encrypted: unknown, path: Path = []): readonly Difference[] {
  if (firstDifference(plain, encrypted) === undefined) return []
  const names = namesInBoth(plain, encrypted)
  if (names === undefined) return [{ path, plain, encrypted }]
  return names.flatMap((name) => {
    const step = Array.isArray(plain) ? Number(name) : name
    return differingParts(fieldOf(plain, name), fieldOf(encrypted, name), [...path, step])
  })
}

/** The names of two objects, or two lists, that have the same; undefined for all else. */
function namesInBoth(one: unknown, other: unknown): readonly string[] | undefined {
  const areLists = Array.isArray(one) && Array.isArray(other)
  if (!areLists && !(isPlainObject(one) && isPlainObject(other))) return undefined
  const names = Object.keys(one)
  const isSame =
    names.length === Object.keys(other).length && names.every((name) => Object.hasOwn(other, name))
  return isSame ? names : undefined
}

/** A part that the schema does not know is taken for another one. */
function isPartOther(schemaNode: SchemaNode, { path, plain, encrypted }: Difference): boolean {
  const part = schemaNodeAt(schemaNode, path)
  if (part === undefined) return true
  return compareResults(validate(part.schema, plain), validate(part.schema, encrypted)) === 'other'
}

/** How what was read of a plain text compares with what was read of an encrypted one. */
function compareResults(plain: ValidationResult, encrypted: ValidationResult): 'same' | 'other' | 'refused' {
  if (!plain.isValid) return 'refused'
  const isSame = encrypted.isValid && firstDifference(plain.value, encrypted.value) === undefined
  return isSame ? 'same' : 'other'
}
