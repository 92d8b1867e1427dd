import assert from 'node:assert/strict'
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import type * as z from 'zod'
import { compileSchema, createPipeline } from '../../../packages/core/src/tools/index.ts'
import { defineConfig, env, file, type LiveConfig, LivetreeError } from '../../../packages/core/src/index.ts'
import {
  type LayerInfo,
  type Leaf,
  type Source,
  Unreadable,
} from '../../../packages/core/src/source/index.ts'
import { flatten } from '../../../packages/core/src/source/flatten.ts'
import { parseDocument } from '../../../packages/core/src/source/parse-document.ts'
import { arbitraryDotenv, arbitraryJson, arbitraryYaml } from '../arbitrary-document.ts'
import { assertIssue, assertUnused } from '../assert-issue.ts'
import { assertDefined } from '../expect-defined.ts'
import { type FuzzTarget, fuzzTarget } from '../fuzz-target.ts'
import { mutatedText } from '../mutated-bytes.ts'
import { hostileSegment, hostileText } from '../hostile-values.ts'
import { assertNothingInherited, assertPlain } from '../prototype-guard.ts'
import { anySchema } from '../schemas.ts'

const stored: LayerInfo = { name: 'file', keyPrefix: 'f#/', separator: '/', naming: 'stored' }
const envLayer: LayerInfo = { name: 'env', keyPrefix: 'APP_', separator: '__', naming: 'env' }

/** Judges leaves as a source hands them over. */
function assertJudged(schema: z.ZodObject, info: LayerInfo, leaves: readonly Leaf[]): void {
  for (const leaf of leaves) assertNothingInherited(leaf.value, leaf.path)
  const source = { name: info.name, layers: [info] }
  const pipeline = createPipeline<unknown>(compileSchema(schema), [source], { guard: false })
  pipeline.stage(0, { type: 'replace', update: { revision: 1, epoch: 0, layers: [leaves] } })
  const outcome = pipeline.evaluate()
  outcome.unused.forEach(assertUnused)
  if (outcome.type === 'rejected') outcome.issues.forEach(assertIssue)
  else assertPlain(outcome.value)
}

function leavesOf(value: unknown): Leaf[] {
  if (value === undefined) return []
  if (!(value instanceof Unreadable)) return flatten(value)
  assert.ok(value.reason.length < 200, 'the reason quotes the file')
  return [{ path: '', value, revision: 0 }]
}

const environmentName = fc.oneof(
  hostileSegment.map((segment) => `APP_${segment.toUpperCase().slice(0, 100)}`),
  fc.constantFrom(
    'APP_A',
    'APP_X',
    'APP_A__B',
    'APP_',
    'APP___',
    'APP_A__',
    'APP_X__0',
    '__proto__',
    'APP___PROTO__',
    'APP_LENGTH',
  ),
)

/** Documents that name each other's anchors, say for which profile they count, or hide what others have. */
const documents: fc.Arbitrary<Uint8Array> = mutatedText(
  fc
    .array(
      fc.tuple(
        fc.constantFrom(
          '',
          '',
          'profile: on\n',
          'profile: off\n',
          'profile: [on, off]\n',
          'profile: &a {}\n',
        ),
        fc.oneof(
          arbitraryYaml,
          fc.constantFrom('a: livetree:remove', 'x: livetree:empty', 'a: *k', 'null', '[]', ''),
        ),
      ),
      { minLength: 1, maxLength: 5 },
    )
    .chain((parts) =>
      fc.constantFrom(1, 1, 1, 30).map((times) =>
        Array.from({ length: times }, () => parts.map(([head, body]) => head + body))
          .flat()
          .join('\n---\n'),
      ),
    ),
)

interface Folder {
  readonly path: string
}

const openFolder = async (): Promise<Folder> => ({ path: await mkdtemp(join(tmpdir(), 'livetree-fuzz-')) })
const closeFolder = ({ path }: Folder) => rm(path, { recursive: true })

/** Loads a configuration that is plain, or fails with a defined error. */
async function assertLoaded(schema: z.ZodObject, sources: readonly Source[]): Promise<void> {
  let config: LiveConfig<unknown>
  try {
    config = await defineConfig({ name: 'fuzz', schema }).load({ sources, logger: false })
  } catch (error) {
    const defined = assertDefined(error)
    if (defined instanceof LivetreeError) defined.issues.forEach(assertIssue)
    return
  }
  assertPlain(config.current)
  await config.close()
}

export const files: readonly FuzzTarget[] = [
  fuzzTarget({
    name: 'yaml',
    what: 'YAML with bombs, rings, tags, merges, odd keys and broken bytes: read or refused with a short reason, without executing code, without prototype pollution',
    shortCases: 135,
    weight: 2,
    input: fc.record({ schema: anySchema, bytes: mutatedText(arbitraryYaml) }),
    async check({ schema, bytes }) {
      assertJudged(schema, stored, leavesOf(await parseDocument(bytes, 'yaml')))
    },
  }),
  fuzzTarget({
    name: 'json',
    what: 'JSON with `__proto__`, depth, duplicates, huge numbers and broken bytes: read or refused with a short reason, without prototype pollution',
    shortCases: 250,
    weight: 3,
    input: fc.record({ schema: anySchema, bytes: mutatedText(arbitraryJson) }),
    async check({ schema, bytes }) {
      assertJudged(schema, stored, leavesOf(await parseDocument(bytes, 'json')))
    },
  }),
  fuzzTarget({
    name: 'environment',
    what: 'environment variables with any name and value: a value, an unused key or an issue',
    shortCases: 250,
    weight: 3,
    input: fc.record({
      schema: anySchema,
      variables: fc.array(fc.tuple(environmentName, hostileText), { maxLength: 6 }),
    }),
    check({ schema, variables }) {
      let leaves: readonly Leaf[] = []
      const source = env({ prefix: 'APP_', environment: Object.fromEntries(variables) })
      const sink = {
        beginReplace: () => assert.fail(),
        replace: (update: { layers: readonly (readonly Leaf[])[] }) => {
          leaves = update.layers[0]!
        },
        patch: () => assert.fail(),
        alive: () => undefined,
        lost: () => assert.fail(),
      }
      source.open({ sink, clock: undefined as never, logger: undefined as never })
      assertJudged(schema, envLayer, leaves)
    },
  }),
  fuzzTarget({
    name: 'files',
    what: 'a YAML, a JSON and a dotenv file on disk through `file`, `env` and `load`: a configuration, or a LivetreeError',
    shortCases: 25,
    weight: 0.5,
    mostCases: 20_000,
    input: fc.record({
      schema: anySchema,
      yaml: mutatedText(arbitraryYaml),
      json: mutatedText(arbitraryJson),
      dotenv: mutatedText(arbitraryDotenv),
    }),
    open: openFolder,
    close: closeFolder,
    async check({ schema, yaml, json, dotenv }, { path }) {
      const paths = ['a.yaml', 'b.json', '.env'].map((name) => join(path, name)) as [string, string, string]
      await Promise.all([yaml, json, dotenv].map((bytes, index) => writeFile(paths[index]!, bytes)))
      // as files are at a start: written long ago, so that nobody waits for who might still write
      await Promise.all(paths.map((path) => utimes(path, 1, 1)))
      const sources = [
        file(paths[0], { watch: false }),
        file(paths[1], { watch: false }),
        env({ prefix: 'APP_', dotenv: [paths[2]], watch: false, environment: {} }),
      ]
      await assertLoaded(schema, sources)
    },
  }),
  fuzzTarget({
    name: 'profiles',
    what: 'a YAML file of up to 150 documents with profiles, aliases across documents and values that hide others, on disk through `file` and `load`: a configuration, or a LivetreeError',
    shortCases: 25,
    weight: 0.5,
    mostCases: 20_000,
    input: fc.record({
      schema: anySchema,
      bytes: documents,
      profile: fc.constantFrom(undefined, 'on', ['on', 'off']),
    }),
    open: openFolder,
    close: closeFolder,
    async check({ schema, bytes, profile }, folder) {
      const path = join(folder.path, 'all.yaml')
      await writeFile(path, bytes)
      await utimes(path, 1, 1)
      await assertLoaded(schema, [file(path, { watch: false, profile })])
    },
  }),
]
