import { PLAIN_TEXTS } from '../encryption/key-set.ts'
import { coverOf } from '../format/cover.ts'
import { inputOf } from '../pipeline/input.ts'
import { inputFrom } from '../pipeline/typed-input.ts'
import { readJson } from '../pipeline/document.ts'
import { UnreadableText } from '../pipeline/document-text.ts'
import { LayerTree } from '../pipeline/layer-tree.ts'
import { storedPath } from '../pipeline/stored-path.ts'
import { type RawIssue, validate, validateRead, type ValidationResult } from '../pipeline/validate.ts'
import { isPlainLeaf } from '../schema/directory.ts'
import type { SchemaNode } from '../schema/schema-node.ts'
import { type LayerInfo, Unreadable } from '../source/source.ts'
import { type DocumentValue, jsonText } from './document-value.ts'

/** A key below the place that is written, and its text. */
export interface TextLeaf {
  /** Names as the schema has them. */
  readonly path: readonly string[]
  readonly text: string
}

/** The layer that written leaves are read from: keys as they stand in a store. */
export const WRITTEN_LAYER: LayerInfo = { name: 'written', keyPrefix: '', separator: '/', naming: 'stored' }

const INVALID: ValidationResult = { isValid: false, issues: [] }

/** What a schema node makes of leaves; their paths begin at the node. */
export function readLeaves(
  node: SchemaNode,
  leaves: readonly TextLeaf[],
  options: { readonly isRenamed: boolean },
): ValidationResult {
  const text = onlyText(node, leaves)
  if (text !== undefined) return validate(node.schema, inputFrom(node, text))
  const tree = new LayerTree(node, [WRITTEN_LAYER], { ...options, keys: PLAIN_TEXTS })
  for (const { path, text } of leaves)
    tree.set(0, { path: storedPath(node, path, WRITTEN_LAYER), value: text, revision: 0 })
  const isOrdered =
    tree.conflicts.size === 0 && tree.scalarsAtDirectories.size === 0 && tree.unplaceable.size === 0
  if (!isOrdered) return INVALID
  const issues: RawIssue[] = []
  const input = inputOf(node, tree.root, -1, issues)
  return validateRead(node.schema, input, issues)
}

/** The text of one key where a scalar is read of nothing else, so that it needs no tree; undefined for all other leaves. */
function onlyText(node: SchemaNode, leaves: readonly TextLeaf[]): string | undefined {
  const [leaf] = leaves
  if (leaf === undefined || leaves.length > 1 || leaf.path.length > 0) return undefined
  const isRead = isPlainLeaf(node) && coverOf(leaf.text) === undefined
  return isRead ? leaf.text : undefined
}

/** What a schema node makes of a part of a JSON document. */
export function readDocumentPart(node: SchemaNode, part: DocumentValue): ValidationResult {
  return readJsonPart(node, jsonText(part))
}

/** The same of its text. */
export function readJsonPart(node: SchemaNode, json: string): ValidationResult {
  const parsed = readJson(json)
  if (parsed === undefined || parsed instanceof Unreadable) return INVALID
  try {
    return validate(node.schema, inputFrom(node, parsed.value, true))
  } catch (error) {
    if (error instanceof UnreadableText) return INVALID
    throw error
  }
}
