import type { Path } from '@livetree/core'
import { pathText } from '@livetree/core/tools'
import { AdminError } from '../errors.ts'
import { parseJson } from '../transfer/parse-json.ts'
import { eachLeaf, jsonOf } from '../transfer/plain-tree.ts'

/**
 * The texts that a layer has in plain text where envelopes are asked for. Whoever can write the store may have put them there, so that no
 * edit of a text of the layer makes an envelope of one.
 */
export class CopiedTexts {
  readonly #places = new Map<string, Path>()

  add(text: string, path: Path): void {
    for (const leaf of leavesOf(text)) this.#places.set(leaf, path)
  }

  /** @throws AdminError `secret_text` for a text of which something is one of them */
  assertNone(text: string, path: Path): void {
    if (this.#places.size === 0) return
    const copied = leavesOf(text).find((leaf) => this.#places.has(leaf))
    if (copied === undefined) return
    throw new AdminError('secret_text', {
      what: `The edit would encrypt at "${pathText(path)}" a text that stands in the store in plain text at "${pathText(this.#places.get(copied) ?? [])}", where the schema asks for an encrypted one: whoever can write the store may have put it there`,
      remedy: 'If it is meant, write it with set(), which encrypts it.',
    })
  }
}

/** The scalars in a text, and its empty lists and objects; the text itself where it is no JSON with parts. */
function leavesOf(text: string): readonly string[] {
  const tree = parseJson(text)
  if (tree === undefined || tree.type === 'scalar') return [text]
  const leaves: string[] = []
  eachLeaf(tree, [], (leaf) => leaves.push(leaf.type === 'scalar' ? leaf.text : jsonOf(leaf)))
  return leaves
}
