import * as z from 'zod/v4/core'
import { checkOptions, type OptionTable } from '../check-options.ts'
import type { ConfigDefinition } from '../config-definition.ts'
import { describeIssues, isLivetreeError, LivetreeError, type LivetreeErrorCode } from '../errors.ts'
import { measure, repetitionProblem } from '../format/extent.ts'
import type { Issue, Path } from '../issue.ts'
import { PLAIN_TEXTS } from '../encryption/key-set.ts'
import { createPipeline } from '../pipeline/create-pipeline.ts'
import { MAX_DEPTH } from '../pipeline/document.ts'
import { pathText } from '../format/path-text.ts'
import { storedPath } from '../pipeline/stored-path.ts'
import { childSchemaNode } from '../schema/child-node.ts'
import { compileSchema } from '../schema/compile-schema.ts'
import { isSecretAt } from '../schema/describe.ts'
import { isMadeWhenAbsent, isPlainLeaf } from '../schema/directory.ts'
import { runsOwnCode } from '../schema/own-code.ts'
import type { SchemaNode } from '../schema/schema-node.ts'
import { secret } from '../schema/secret.ts'
import type { Leaf } from '../source/source.ts'
import { fieldOf } from '../thrown.ts'
import { ONE_WAY } from './encode-pipe.ts'
import { firstDifference } from './first-difference.ts'
import { LeafWriter, type WrittenForm } from './leaf-writer.ts'
import { readLeaves, WRITTEN_LAYER, type TextLeaf } from './read-back.ts'
import { unreadName } from './read-name.ts'
import { pathOf, schemaAt } from './schema-at.ts'
import { keyOfPath } from './tree-keys.ts'
import { attempt, type UnwritableDetails } from './unwritable.ts'

/** Options of `writeValue`. */
export interface WriteOptions {
  /**
   * How a list, an object, a record or a map is written, by its path: `children`, a key for each part, or `document`, one key
   * with a JSON document. Default: lists are documents and everything else is children; a part that cannot have a key of
   * its own makes a document of what holds it, if that is not the whole layer.
   */
  readonly form?: WrittenForm | ((path: Path) => WrittenForm | undefined) | undefined
}

const OPTION_TABLE: OptionTable = {
  form: {
    expected: "'children', 'document' or a function that gives one of them for a path",
    test: (form) => form === 'children' || form === 'document' || typeof form === 'function',
    isShown: true,
  },
}

/** One key that is to be written. */
export interface WrittenLeaf {
  /** From the root of the schema, in the schema's names. */
  readonly path: Path
  /** The same as a store or a file has it, by `naming`: segments joined by `/`. A layer's `keyPrefix` goes before it. */
  readonly key: string
  /** UTF-8 text. */
  readonly text: string
}

/**
 * Writes a value as the leaves of a tree, such that reading them gives an equal value. `value` is of the type that
 * `current` has at the path; `undefined`, where the schema allows it, has no leaves. Nothing is stored: keys that stand
 * below the path and are not among the leaves are for the caller to remove.
 *
 * Codecs are written by their `encode`. A one-way transform lets only a value pass that it leaves as it is. The
 * leaves are read back before they are returned.
 *
 * @throws LivetreeError `invalid_path` for a path that the schema does not have, or that no key is read as; `invalid_value` for a value that the
 *   schema refuses; `unwritable_value` for one that no leaves are read as. `issues` has the path, and what was expected;
 *   `invalid_options`
 */
export function writeValue(
  definition: ConfigDefinition<z.$ZodType>,
  path: string | Path,
  value: unknown,
  options: WriteOptions = {},
): readonly WrittenLeaf[] {
  checkOptions('writeValue()', options, OPTION_TABLE)
  const at = pathOf(path)
  const place = new WrittenPlace(definition, at)
  assertNamesRead(definition, at)
  place.run(() => place.assertReadable(value))
  const { form } = options
  const writer = new LeafWriter({
    naming: definition.naming,
    isSide: false,
    noteOneWay: (where) => void place.oneWays.push(where),
    base: at,
    formAt: typeof form === 'function' ? form : () => form,
  })
  const isMade = isMadeWhenAbsent(place.node)
  const written = place.run(() => attempt(() => writer.write(place.node, value, [], isMade)))
  if ('error' in written) return place.refuse(written.error.details)
  place.assertLeavesReadAs(value, written.result)
  return written.result.map((leaf) => {
    const whole = [...at, ...leaf.path]
    return { path: whole, key: keyOfPath(definition, whole, WRITTEN_LAYER), text: leaf.text }
  })
}

/**
 * The value is read back from its place alone, so the names that lead there are read on their own.
 *
 * @throws LivetreeError `invalid_path` for a path that a reader of the store would find elsewhere, or nowhere
 */
function assertNamesRead(definition: ConfigDefinition<z.$ZodType>, path: Path): void {
  keyOfPath(definition, path, WRITTEN_LAYER)
  let parent: SchemaNode | undefined = definition.compiled
  for (const [index, segment] of path.entries()) {
    if (parent === undefined) return
    const problem = unreadName(String(segment), parent)
    const where = pathText(path.slice(0, index + 1))
    if (problem !== undefined)
      throw new LivetreeError(
        'invalid_path',
        `No key is read as "${where}": ${problem}. Choose another name.`,
      )
    parent = childSchemaNode(parent, String(segment))
  }
}

/** The name under which a schema is put into an object, so that what is missing is read as it is in its own place. */
const NAME = 'value'

/** A schema, compiled alone and as the property of an object. */
interface CompiledPlace {
  readonly node: SchemaNode
  readonly wrapped: SchemaNode
}

/** By their schemas, and by the other arguments. The entries of a record share one schema, which is compiled once. */
const placesOf = new WeakMap<z.$ZodType, Map<string, CompiledPlace>>()

function compiledPlace(
  given: z.$ZodType,
  naming: ConfigDefinition<z.$ZodType>['naming'],
  isSecret: boolean,
): CompiledPlace {
  const places = placesOf.get(given) ?? new Map<string, CompiledPlace>()
  placesOf.set(given, places)
  const name = `${naming} ${isSecret}`
  const known = places.get(name)
  if (known !== undefined) return known
  const schema = isSecret ? secret(given) : given
  const wrapped = new z.$ZodObject({ type: 'object', shape: { [NAME]: schema } })
  const place = { node: compileSchema(schema, { naming }), wrapped: compileSchema(wrapped, { naming }) }
  places.set(name, place)
  return place
}

/** A place of a schema, and what is read there. */
export class WrittenPlace {
  readonly #definition: ConfigDefinition<z.$ZodType>
  readonly #path: Path
  readonly #isSecret: boolean
  readonly #wrapped: SchemaNode

  constructor(definition: ConfigDefinition<z.$ZodType>, path: Path) {
    this.#definition = definition
    this.#path = path
    this.#isSecret = isSecretAt(definition.compiled, path)
    const schema = schemaAt(definition.compiled, path)
    const { node, wrapped } = compiledPlace(schema, definition.naming, this.#isSecret)
    this.#wrapped = wrapped
    this.node = node
  }

  /** Places of one-way transforms that parts of the value were written through as they are. */
  readonly oneWays: Path[] = []
  readonly node: SchemaNode

  /**
   * Runs what reads the value, which may have getters or be a Proxy.
   *
   * @throws LivetreeError `unwritable_value` where that throws
   */
  run<R>(read: () => R): R {
    try {
      return read()
    } catch (error) {
      if (isLivetreeError(error)) throw error
      return this.refuse({ path: this.#path, message: 'has a part that throws when it is read' })
    }
  }

  /** @throws LivetreeError `unwritable_value` for what no walk ends in */
  assertReadable(value: unknown): void {
    const extent = measure(value)
    if (extent.isEndless || extent.height > MAX_DEPTH)
      this.refuse({
        path: this.#path,
        message: `nested more than ${MAX_DEPTH} levels deep, or inside itself`,
      })
    const repetition = repetitionProblem(extent)
    if (repetition !== undefined) this.refuse({ path: this.#path, message: repetition })
    if (extent.unreadable !== undefined) this.refuse({ path: this.#path, message: extent.unreadable.reason })
  }

  /** @throws LivetreeError `invalid_value`, `unwritable_value` */
  assertLeavesReadAs(value: unknown, leaves: readonly TextLeaf[]): void {
    if (isPlainLeaf(this.node) && !runsOwnCode(this.node.schema)) {
      // A scalar, as most values are, needs no pipeline, unless there is something to say of it.
      const read = readLeaves(this.node, leaves, { isRenamed: false })
      if (read.isValid && firstDifference(value, read.value) === undefined) return
    }
    const list = leaves.map((leaf) => ({
      path: [NAME, storedPath(this.node, leaf.path, WRITTEN_LAYER)].filter((part) => part !== '').join('/'),
      value: leaf.text,
      revision: 0,
    }))
    this.#assertReadAs(value, list)
  }

  /** The same for the JSON text of a part of a document. */
  assertPartReadAs(value: unknown, json: string): void {
    this.#assertReadAs(value, [{ path: '', value: `{${JSON.stringify(NAME)}:${json}}`, revision: 0 }])
  }

  #assertReadAs(value: unknown, list: readonly Leaf[]): void {
    const { naming } = this.#definition
    const pipeline = createPipeline<{ readonly [NAME]?: unknown }>(
      this.#wrapped,
      [{ name: WRITTEN_LAYER.name, layers: [WRITTEN_LAYER] }],
      { guard: false, isRenamed: naming !== 'exact', unused: 'reject', keys: PLAIN_TEXTS },
    )
    pipeline.stage(0, { type: 'replace', update: { revision: 0, epoch: 0, layers: [list] } })
    const outcome = pipeline.evaluate()
    if (outcome.type === 'rejected') {
      const issues = outcome.issues.map((issue) => this.#own(issue))
      for (const { path } of issues) this.#refuseOneWay(path)
      throw this.#error('invalid_value', issues)
    }
    const difference = firstDifference(value, outcome.value[NAME])
    if (difference === undefined) return
    const path = [...this.#path, ...difference]
    this.#refuseOneWay(path)
    const isMissing = partAt(value, difference) === undefined
    this.refuse({
      path,
      message: isMissing
        ? 'it is not given, and the schema puts another value in its place, such as a default'
        : 'the schema reads its text as another value',
    })
  }

  /** Refuses what a one-way transform was found to change, or to refuse. */
  #refuseOneWay(path: Path): void {
    const isInside = (oneWay: Path) => oneWay.every((segment, index) => segment === path[index])
    const oneWay = this.oneWays.find(isInside)
    if (oneWay !== undefined) this.refuse({ path: oneWay, message: ONE_WAY })
  }

  /** @throws LivetreeError `invalid_value` for a value of another kind, else `unwritable_value` */
  refuse({ path, message, expected, isInvalid = false }: UnwritableDetails): never {
    const isHidden = this.#isSecret || isSecretAt(this.#definition.compiled, path)
    const issue: Issue = {
      path,
      pathText: pathText(path),
      message: isHidden && expected !== undefined ? 'expected another kind of value' : message,
      code: expected !== undefined ? 'invalid_type' : isInvalid ? 'custom' : 'unwritable',
      expected: isHidden ? undefined : expected,
      received: undefined,
      origins: [],
    }
    throw this.#error(isInvalid ? 'invalid_value' : 'unwritable_value', [issue])
  }

  /** An issue of what was read, with the path from the root of the schema; its keys are those of the reading. */
  #own(issue: Issue): Issue {
    const path = [...this.#path, ...issue.path.slice(1)]
    return { ...issue, path, pathText: pathText(path), origins: [] }
  }

  #error(code: LivetreeErrorCode, issues: readonly Issue[]): LivetreeError {
    const { name } = this.#definition
    const where = this.#path.length === 0 ? 'the whole tree' : `"${pathText(this.#path)}"`
    return new LivetreeError(code, describeIssues(`Cannot write ${where} of "${name}":`, issues), { issues })
  }
}

/** A part of a value by its path; undefined where there is none. */
function partAt(value: unknown, path: Path): unknown {
  let part = value
  for (const segment of path) {
    if (part instanceof Map) part = part.get(segment)
    else if (part instanceof Set) part = [...part][Number(segment)]
    else part = fieldOf(part, String(segment))
  }
  return part
}
