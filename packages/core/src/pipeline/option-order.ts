import { isScalar } from '../schema/directory.ts'
import { coreOf, type SchemaNode, type UnionNode } from '../schema/schema-node.ts'
import { isObjectAt, type NestedLayers, someChild } from './node-content.ts'
import { isPresent, topEntry, type TreeNode } from './tree-node.ts'

/**
 * The options of a union as they are tried. Where a directory covers a lower layer's text (`aboveLayer` is that layer), no
 * text is meant; where it is an object of a document, no list is; where its names are no numbers, a list is the last
 * thing that is meant.
 */
export function optionsInOrder(
  { options }: UnionNode,
  node: TreeNode,
  aboveLayer: number,
  nested: NestedLayers,
): readonly SchemaNode[] {
  const isCovered = (topEntry(node, -1)?.layer ?? -1) === aboveLayer && aboveLayer >= 0
  const directories = isCovered ? options.filter((option) => !isScalar(option)) : []
  const tried = directories.length > 0 ? directories : options
  const isList = (option: SchemaNode) => coreOf(option).type === 'list'
  if (!tried.some(isList)) return tried
  const others = tried.filter((option) => !isList(option))
  if (isObjectAt(node, aboveLayer, nested)) return others
  const isNamed = someChild(node, (child) => isPresent(child, aboveLayer) && !/^\d+$/.test(child.name))
  return isNamed ? [...others, ...tried.filter(isList)] : tried
}
