import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import * as z from 'zod'
import { createManualSource } from '../../../packages/core/src/testing/index.ts'
import { defineConfig } from '../../../packages/core/src/index.ts'
import { LayerLeaves } from '../../../packages/livetree/src/etcd-source/layer-leaves.ts'
import { TreeLayers } from '../../../packages/livetree/src/etcd-source/tree-layers.ts'
import { planOfRoot } from '../../../packages/livetree/src/etcd-source/tree-plan.ts'
import { WatchEvent } from '../../../packages/etcd/src/watch/watch-handlers.ts'
import { type ArbitrarySchema, arbitrarySchema, arbitraryText } from '../../property/arbitrary-schema.ts'
import {
  createPipelineForTest,
  type Edit,
  type Held,
  inputOfHeld,
  LAYERS,
} from '../../property/differential-oracle.ts'
import { assertIssue, assertUnused } from '../assert-issue.ts'
import { assertDefined } from '../expect-defined.ts'
import { type FuzzTarget, fuzzTarget } from '../fuzz-target.ts'
import { mutatedText } from '../mutated-bytes.ts'
import { hostileSegment, hostileText, hostileTyped } from '../hostile-values.ts'
import { assertPlain } from '../prototype-guard.ts'
import { anySchema, recursive } from '../schemas.ts'

const hostilePath = fc.oneof(
  fc.array(hostileSegment, { maxLength: 4 }).map((segments) => segments.join('/')),
  fc
    .tuple(hostileSegment, fc.constantFrom(90, 99, 100, 101, 130, 5_000))
    .map(([segment, times]) => `${segment.slice(0, 20)}/`.repeat(times)),
)

const anyValue = (texts: readonly string[]) =>
  fc.oneof(
    { weight: texts.length === 0 ? 0 : 4, arbitrary: fc.constantFrom(...texts, '') },
    { weight: 3, arbitrary: hostileText },
    { weight: 1, arbitrary: arbitraryText },
    { weight: 2, arbitrary: hostileTyped },
    { weight: 2, arbitrary: fc.constant(undefined) },
  )

/** Places of the schema, with a segment of its own now and then, and places of no schema. */
const editOf = (schema: ArbitrarySchema): fc.Arbitrary<Edit> => {
  const place = fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...schema.spots) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.constantFrom(...schema.spots), hostileSegment)
        .map(([{ path, texts }, segment]) => ({ path: [...path, segment], texts })),
    },
    { weight: 2, arbitrary: hostilePath.map((path) => ({ path: [path], texts: [] })) },
  )
  return place.chain(({ path, texts }) =>
    fc.record({
      layer: fc.nat(LAYERS.length - 1),
      path: fc.constant(path.join('/')),
      value: anyValue(texts),
    }),
  )
}

const batches = (schema: ArbitrarySchema) =>
  fc.array(
    fc.record({ isReplace: fc.boolean(), edits: fc.array(editOf(schema), { minLength: 1, maxLength: 4 }) }),
    { minLength: 1, maxLength: 4 },
  )

/**
 * What zod hands through as it is, and livetree does not: a property `__proto__`, an object without prototype, and a list
 * with holes, which are undefined in the copy.
 */
function isAltered(value: unknown, depth = 0): boolean {
  if (typeof value === 'string') return value.includes('__proto__')
  if (typeof value !== 'object' || value === null || depth > 120) return false
  const parts: unknown[] =
    value instanceof Map || value instanceof Set ? [...value.entries()].flat() : Object.values(value)
  return (
    (Array.isArray(value) && Object.keys(value).length < value.length) ||
    Object.getPrototypeOf(value) === null ||
    Reflect.ownKeys(value).includes('__proto__') ||
    parts.some((part) => isAltered(part, depth + 1))
  )
}

export const trees: readonly FuzzTarget[] = [
  fuzzTarget({
    name: 'tree-edits',
    what: 'hostile keys and values against random schemas: well-formed issues, or the value that a full zod parse of the same layers returns',
    shortCases: 250,
    weight: 3,
    input: arbitrarySchema.chain((schema) =>
      fc.record({ schema: fc.constant(schema), batches: batches(schema) }),
    ),
    check({ schema, batches: list }) {
      const pipeline = createPipelineForTest(schema.schema)
      const held: Held = LAYERS.map(() => new Map())
      for (const { edits, isReplace } of list) {
        pipeline.apply(edits, held, isReplace)
        const outcome = pipeline.evaluate()
        outcome.unused.forEach(assertUnused)
        if (outcome.type === 'rejected') {
          assert.ok(outcome.issues.length > 0, 'rejected without an issue')
          outcome.issues.forEach(assertIssue)
          continue
        }
        const isSame = !held.some((layer) =>
          [...layer.values()].some((value) => value instanceof Map || isAltered(value)),
        )
        const full = inputOfHeld(schema.schema, held)
        assert.ok(!full.isBroken, 'a broken tree was accepted')
        const parsed = z.core.safeParse(schema.schema, full.input)
        assert.ok(parsed.success, 'a full parse refuses what was accepted')
        if (isSame)
          assert.ok(isDeepStrictEqual(outcome.value, parsed.data), 'a full parse gives another value')
        assertPlain(outcome.value)
      }
    },
  }),
  fuzzTarget({
    name: 'tree-keys',
    what: 'keys and values as bytes, as received from etcd, against schemas with records, catchalls and recursion: no byte sequence does more than cause a reported key',
    shortCases: 335,
    weight: 4,
    input: fc.record({
      schema: anySchema,
      pairs: fc.array(
        fc.tuple(
          mutatedText(hostilePath.map((path) => path.slice(0, 600))),
          mutatedText(hostileText.map((text) => text.slice(0, 600))),
        ),
        { minLength: 1, maxLength: 6 },
      ),
    }),
    check({ schema, pairs }) {
      const layerLeaves = new LayerLeaves(new TreeLayers(planOfRoot('/c', [])))
      const pipeline = createPipelineForTest(schema)
      const held: Held = LAYERS.map(() => new Map())
      const edits = pairs.flatMap(([path, value], index) => {
        const key = Buffer.concat([Buffer.from('/c/'), path])
        const kv = { key, value, modRevision: index + 1, createRevision: 1, version: 1, lease: 0n }
        return layerLeaves.changesOf(new WatchEvent('put', kv, undefined)).map(({ leaf }) => ({
          layer: 1,
          path: leaf.path,
          value: leaf.value,
        }))
      })
      pipeline.apply(edits, held, false)
      const outcome = pipeline.evaluate()
      outcome.unused.forEach(assertUnused)
      if (outcome.type === 'rejected') outcome.issues.forEach(assertIssue)
      else assertPlain(outcome.value)
    },
  }),
  fuzzTarget({
    name: 'tree-live',
    what: 'the same through `load`, a source, events and `explain`: `current` stays valid and frozen, each rejection is reported once with issues, nothing throws',
    shortCases: 65,
    weight: 1,
    input: fc.record({
      schema: fc.oneof(anySchema, fc.constant(recursive)),
      unused: fc.constantFrom('ignore' as const, 'warn' as const, 'reject' as const),
      batches: fc.array(
        fc.array(fc.tuple(hostilePath, fc.oneof(hostileText, hostileTyped, fc.constant(undefined))), {
          minLength: 1,
          maxLength: 4,
        }),
        { minLength: 1, maxLength: 4 },
      ),
    }),
    async check({ schema, unused, batches: list }) {
      const source = createManualSource()
      const loading = defineConfig({ name: 'fuzz', schema, unused }).load({
        sources: [source],
        logger: false,
      })
      source.replace(1, {})
      const config = await loading
      try {
        config.on('error', ({ code, cause }) => {
          throw new Error(`the event error: ${code}`, { cause })
        })
        const failures: unknown[] = []
        config.on('rejected', ({ issues }) => {
          try {
            issues.forEach(assertIssue)
          } catch (error) {
            failures.push(error)
          }
        })
        for (const [index, pairs] of list.entries()) {
          const leaves = pairs.map(([path, value]) => ({ path, value, revision: index + 2 }))
          source.sink.patch({
            revision: index + 2,
            changes: leaves.map((leaf) => ({ layer: 0, leaf })),
          })
          await config.refresh()
          assertPlain(config.current)
          assert.ok(Object.isFrozen(config.current))
          for (const { path } of leaves) {
            try {
              config.explain(path.split('/'))
            } catch (error) {
              assertDefined(error)
            }
          }
          config.status.unused.forEach(assertUnused)
          config.status.rejected?.issues.forEach(assertIssue)
        }
        assert.deepEqual(failures, [])
      } finally {
        await config.close()
      }
    },
  }),
]
