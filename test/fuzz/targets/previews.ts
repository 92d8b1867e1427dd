import assert from 'node:assert/strict'
import fc from 'fast-check'
import { createManualSource } from '../../../packages/core/src/testing/index.ts'
import {
  defineConfig,
  type Issue,
  LivetreeError,
  type PreviewChange,
} from '../../../packages/core/src/index.ts'
import type { LayerInfo } from '../../../packages/core/src/source/index.ts'
import { assertIssue, assertUnused } from '../assert-issue.ts'
import { type FuzzTarget, fuzzTarget } from '../fuzz-target.ts'
import { hostileSegment, hostileText, hostileTyped } from '../hostile-values.ts'
import { anySchema, recursive } from '../schemas.ts'

const LAYERS: readonly LayerInfo[] = ['base', 'prod'].map((name) => ({
  name,
  keyPrefix: `/c/${name}/`,
  separator: '/',
  naming: 'stored',
}))

const place = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('a', 'x', 'a/b', 'x/y', 'x/0', 'below/k/a', '') },
  {
    weight: 2,
    arbitrary: fc.array(hostileSegment, { maxLength: 4 }).map((segments) => segments.join('/')),
  },
)

/** A change of a layer; now and then of none, or no change at all. */
const changeOf = fc.record({
  layer: fc.nat(LAYERS.length - 1),
  path: place,
  value: fc.oneof(
    {
      weight: 2,
      arbitrary: fc.constantFrom('1', 'on', '{"a":"1"}', '[1]', 'livetree:remove', 'livetree:empty'),
    },
    { weight: 3, arbitrary: hostileText },
    { weight: 2, arbitrary: hostileTyped },
    { weight: 3, arbitrary: fc.constant(undefined) },
  ),
})

const foreign = fc.constantFrom<unknown>(
  undefined,
  'base',
  { layer: 'base' },
  { layer: 'nothing', key: '/c/base/a', value: '1' },
  { layer: 'base', key: '/elsewhere', value: '1' },
  { layer: 'base', key: '/c/base/a', value: Promise.resolve('1') },
)

const shown = (issues: readonly Issue[]) => issues.map(({ code, pathText }) => `${code} ${pathText}`)

const changed = ({ layer, path, value }: { layer: number; path: string; value: unknown }): PreviewChange => ({
  layer: LAYERS[layer]!.name,
  key: `${LAYERS[layer]!.keyPrefix}${path}`,
  value,
})

export const previews: readonly FuzzTarget[] = [
  fuzzTarget({
    name: 'preview',
    what: '`preview` of hostile keys and values, and of what is no change: `invalid_options`, or exactly what happens when the same is then received, and nothing changes by asking',
    shortCases: 65,
    weight: 1,
    input: fc.record({
      schema: fc.oneof(anySchema, fc.constant(recursive)),
      unused: fc.constantFrom('ignore' as const, 'warn' as const, 'reject' as const),
      wrong: foreign,
      batches: fc.array(fc.array(changeOf, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 }),
    }),
    async check({ schema, unused, wrong, batches }) {
      const source = createManualSource({ layers: LAYERS })
      const loading = defineConfig({ name: 'fuzz', schema, unused }).load({
        sources: [source],
        logger: false,
      })
      source.replace(1, [{}, {}])
      const config = await loading
      try {
        assert.throws(
          () => config.preview([wrong as PreviewChange]),
          (error) => error instanceof LivetreeError && error.code === 'invalid_options',
        )
        for (const [index, edits] of batches.entries()) {
          const before = config.snapshot()
          const preview = config.preview(edits.map(changed))
          assert.deepEqual(config.snapshot(), before, 'asking changed something')
          const revision = index + 2
          const changes = edits.map(({ layer, path, value }) => ({ layer, leaf: { path, value, revision } }))
          source.sink.patch({ revision, changes })
          await config.refresh()
          preview.unused.forEach(assertUnused)
          const rejected = config.status.rejected?.issues
          if (preview.type === 'invalid') {
            preview.issues.forEach(assertIssue)
            assert.deepEqual(shown(preview.issues), shown(rejected ?? []))
            continue
          }
          assert.equal(rejected, undefined, 'the preview was valid')
          assert.equal(config.current === before.value, preview.changes.length === 0)
        }
      } finally {
        await config.close()
      }
    },
  }),
]
