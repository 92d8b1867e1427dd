import type { AdminTree } from '@livetree/admin'
import type { Path } from '@livetree/core'
import { isWithin, pathText } from '@livetree/core/tools'
import type { RowsQuery, RowView } from '../wire/index.ts'
import { sourceName } from './source-name.ts'
import { kindOfValue, lineText } from './shown-text.ts'
import type { TreeIndex, TreeNode } from './tree-index.ts'

/** A tree with more values than this is shown closed at first. */
const MOST_OPEN = 300

/** A line before it is written out. */
interface Line {
  readonly node: TreeNode
  readonly depth: number
  readonly isOpen: boolean
}

/** The lines that a query asks for, and how many there are in all. */
export function rowsOf(
  tree: AdminTree<unknown>,
  index: TreeIndex,
  query: RowsQuery,
): { readonly total: number; readonly rows: readonly RowView[] } {
  const words = query.search.toLowerCase().split(/\s+/).filter(Boolean)
  const { total, lines } = words.length === 0 ? openLines(index, query) : foundLines(index, words, query)
  const issues = tree.issues.map(({ path }) => path)
  return { total, rows: lines.map((line) => rowOf(tree, line, issues, words.length > 0)) }
}

function foundLines(index: TreeIndex, words: readonly string[], { offset, limit }: RowsQuery) {
  const found = index.search(words)
  const lines = found.slice(offset, offset + limit).map((node): Line => ({ node, depth: 0, isOpen: false }))
  return { total: found.length, lines }
}

function openLines({ root }: TreeIndex, { toggled, isOpen, offset, limit }: RowsQuery) {
  const isOpenAtFirst = isOpen ?? root.count <= MOST_OPEN
  const others = new Set(toggled.map((path) => JSON.stringify(path.map(String))))
  const lines: Line[] = []
  let total = 0
  const visit = (node: TreeNode, depth: number) => {
    for (const child of node.children?.values() ?? []) {
      const isGroup = child.children !== undefined
      const isToggled = isGroup && others.size > 0 && others.has(JSON.stringify(child.path.map(String)))
      const line = { node: child, depth, isOpen: isGroup && isToggled !== isOpenAtFirst }
      if (total >= offset && total < offset + limit) lines.push(line)
      total++
      if (line.isOpen) visit(child, depth + 1)
    }
  }
  visit(root, 0)
  return { total, lines }
}

function rowOf(
  tree: AdminTree<unknown>,
  { node, depth, isOpen }: Line,
  issues: readonly Path[],
  isFound: boolean,
): RowView {
  const { path, children, value, count } = node
  const origins = children === undefined ? tree.explain(path).layers : []
  const [first] = origins
  return {
    type: children === undefined ? 'leaf' : 'group',
    path,
    name: isFound ? pathText(path) : node.name,
    depth,
    count,
    isOpen,
    value: children === undefined ? lineText(value) : '',
    valueKind: kindOfValue(value),
    from: first === undefined ? (value === undefined ? '' : 'default') : sourceName(first.origin),
    overrides: Math.max(0, origins.filter(({ origin }) => origin.source !== 'schema').length - 1),
    hasIssue: issues.some((issue) => isWithin(issue, path)),
  }
}
