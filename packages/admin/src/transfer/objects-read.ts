import type { Path } from '@livetree/core'
import type { TreeState } from '../tree/tree-state.ts'
import { viewTree } from '../tree/tree-view.ts'
import type { Workspace } from '../workspace.ts'
import type { IsObjectRead } from './json-lists.ts'

/** Where instances read objects in a state, which is only judged if it is asked for: nowhere in one that is invalid. */
export function objectsRead(workspace: Workspace, state: TreeState): IsObjectRead {
  let value: unknown
  let isJudged = false
  return (path) => {
    if (!isJudged) {
      const tree = viewTree<unknown>(workspace, state)
      value = tree.isValid ? tree.value : undefined
      isJudged = true
    }
    const part = partAt(value, path)
    return typeof part === 'object' && part !== null && !Array.isArray(part)
  }
}

function partAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((part, name) => {
    if (part instanceof Map) return part.get(name)
    return typeof part === 'object' && part !== null ? Reflect.get(part, name) : undefined
  }, value)
}
