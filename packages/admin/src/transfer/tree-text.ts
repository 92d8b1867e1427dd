import { Document, Pair, Scalar, type ScalarTag, YAMLMap, YAMLSeq } from 'yaml'
import { isJsonNumber, jsonOf, type PlainTree } from './plain-tree.ts'

/** A tree as indented JSON, with all digits of its numbers. */
export function jsonText(tree: PlainTree): string {
  return `${indented(tree, '\n')}\n`
}

function indented(tree: PlainTree, line: string): string {
  const inner = `${line}  `
  if (tree.type === 'list' && tree.items.length > 0)
    return `[${inner}${tree.items.map((item) => indented(item, inner)).join(`,${inner}`)}${line}]`
  if (tree.type === 'object' && tree.parts.length > 0) {
    const parts = tree.parts.map(([name, part]) => `${JSON.stringify(name)}: ${indented(part, inner)}`)
    return `{${inner}${parts.join(`,${inner}`)}${line}}`
  }
  return jsonOf(tree)
}

/** A tree as YAML, with all digits of its numbers. */
export function yamlText(tree: PlainTree): string {
  const document = new Document(undefined, { customTags: (tags) => [DIGITS, ...tags] })
  document.contents = nodeOf(tree) as typeof document.contents
  return document.toString({ lineWidth: 0 })
}

class Digits {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** Writes a number as its text; a scalar that is read is none of these. */
const DIGITS: ScalarTag = {
  tag: 'tag:yaml.org,2002:float',
  default: true,
  test: /^(?!)/,
  identify: (value) => value instanceof Digits,
  resolve: (text) => text,
  stringify: ({ value }) => (value instanceof Digits ? value.text : String(value)),
}

/** The name << stands in quotes, without which it would be read as a merge key. */
function nameOf(name: string): Scalar {
  const scalar = new Scalar(name)
  if (name === '<<') scalar.type = Scalar.QUOTE_DOUBLE
  return scalar
}

function nodeOf(tree: PlainTree): Scalar | YAMLMap | YAMLSeq {
  if (tree.type === 'list') {
    const list = new YAMLSeq()
    list.items = tree.items.map(nodeOf)
    return list
  }
  if (tree.type === 'object') {
    const map = new YAMLMap()
    map.items = tree.parts.map(([name, part]) => new Pair(nameOf(name), nodeOf(part)))
    return map
  }
  const isNumber = typeof tree.value === 'number' && isJsonNumber(tree.text)
  return new Scalar(isNumber ? new Digits(tree.text) : tree.value)
}
