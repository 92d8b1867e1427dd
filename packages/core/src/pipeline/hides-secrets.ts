import { keyIdOf } from '../encryption/envelope.ts'
import { coverOf } from '../format/cover.ts'
import { childSchemaNode } from '../schema/child-node.ts'
import { isEncryptedAt, isOpenAt, isSecretAt, schemaNodeAt } from '../schema/describe.ts'
import { isDirectory } from '../schema/directory.ts'
import { canonicalName } from '../schema/property-name.ts'
import type { SchemaNode } from '../schema/schema-node.ts'
import type { LayerInfo } from '../source/source.ts'
import { containerIn, isContainer } from './container-in.ts'

/** Where a part of a value stands. */
interface PartPlace {
  readonly root: SchemaNode
  readonly path: readonly string[]
  readonly schemaNode: SchemaNode | undefined
  /** It lies in objects alone, which are merged with those of other layers. */
  readonly isMerged: boolean
  readonly isStored: boolean
}

/**
 * Whether whoever sees a value, as its source gave it, sees no secret: each part of it is open to anyone, an envelope at an
 * encrypted place, or says nothing.
 */
export function hidesSecrets(
  root: SchemaNode,
  path: readonly string[],
  value: unknown,
  { naming }: LayerInfo,
): boolean {
  if (!root.hasEncrypted) return isOpenAt(root, path)
  const schemaNode = schemaNodeAt(root, path)
  return isHidden({ root, path, schemaNode, isMerged: true, isStored: naming === 'stored' }, value)
}

function isHidden(place: PartPlace, value: unknown): boolean {
  const { root, path, schemaNode, isMerged, isStored } = place
  if (isOpenAt(root, path)) return true
  if (keyIdOf(value) !== undefined) return isEncryptedAt(root, path)
  const isWhole = isEncryptedAt(root, path) && !isEncryptedAt(root, path.slice(0, -1))
  const cover = isMerged ? coverOf(value) : undefined
  if (cover !== undefined) return cover === 'remove' || isWhole
  const content = typeof value === 'string' ? containerIn(value, schemaNode) : value
  if (!isContainer(content)) return false
  const parts = Object.entries(content)
  if (parts.length === 0) return isWhole || (schemaNode !== undefined && !isSecretAt(root, path))
  const isBelowMerged =
    isMerged && schemaNode !== undefined && isDirectory(schemaNode) && !Array.isArray(content)
  return parts.every(([written, part]) => {
    const name = (isStored ? canonicalName(schemaNode, written, 'stored') : undefined) ?? written
    const below = schemaNode === undefined ? undefined : childSchemaNode(schemaNode, name)
    return isHidden(
      { root, path: [...path, name], schemaNode: below, isMerged: isBelowMerged, isStored },
      part,
    )
  })
}
