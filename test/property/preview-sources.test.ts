import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as z from 'zod'
import { systemClock } from '../../packages/core/src/clock.ts'
import { LivetreeError } from '../../packages/core/src/errors.ts'
import { previewUpdates } from '../../packages/core/src/live/preview-changes.ts'
import type { PreviewChange } from '../../packages/core/src/live-config.ts'
import { silentLogger } from '../../packages/core/src/logger.ts'
import { createPipeline } from '../../packages/core/src/pipeline/create-pipeline.ts'
import type { Pipeline } from '../../packages/core/src/pipeline/outcome.ts'
import { compileSchema } from '../../packages/core/src/schema/compile-schema.ts'
import { env } from '../../packages/core/src/source/env.ts'
import { file } from '../../packages/core/src/source/file.ts'
import { memory } from '../../packages/core/src/source/memory.ts'
import {
  type PatchUpdate,
  type ReplaceUpdate,
  type Source,
  type SourceConnection,
  Unreadable,
} from '../../packages/core/src/source/source.ts'
import { propertyRuns } from './property-runs.ts'

const RUNS = propertyRuns(0.15, 0.3)
/** Drawn in each run alike, beside the random ones: all kinds of answers are among them. */
const SAME_CASES = { numRuns: 5, seed: 5 }

const schema = z.object({
  name: z.string().default('d'),
  port: z.number().default(1),
  list: z.array(z.string()).default([]),
  r: z.record(z.string(), z.union([z.string(), z.record(z.string(), z.string())])).optional(),
  j: z.json().optional(),
  o: z
    .object({ a: z.string().optional(), maxSize: z.number().default(2), url: z.string().default('u') })
    .optional(),
})

let directory = ''
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'livetree-preview-'))
})
afterAll(() => rm(directory, { recursive: true }))

type Reported =
  | { readonly type: 'replace'; readonly update: ReplaceUpdate }
  | { readonly type: 'patch'; readonly update: PatchUpdate }

/** A source, and a pipeline that is told what it reports. */
class Judge {
  readonly pipeline: Pipeline<unknown>
  readonly #source: Source
  #patchOf: SourceConnection['patchOf'] = undefined
  #current: unknown = undefined

  constructor(source: Source) {
    this.#source = source
    const guard = { minRemoved: 2, maxRemovedShare: 0.5, windowMs: 500 }
    this.pipeline = createPipeline<unknown>(compileSchema(schema, {}), [source], { unused: 'warn', guard })
  }

  connect(connection: SourceConnection): void {
    this.#patchOf = connection.patchOf?.bind(connection)
  }

  preview(changes: readonly PreviewChange[]) {
    const known = {
      sources: [this.#source],
      patchOf: [this.#patchOf],
      heldBy: (source: number) => this.pipeline.stagedLeaves(source),
    }
    return this.pipeline.preview(previewUpdates(known, changes, {}), 0)
  }

  /** What comes of what the source reports, in the words of a preview. */
  judge(reports: readonly Reported[]) {
    for (const report of reports) this.pipeline.stage(0, report)
    const outcome = this.pipeline.evaluate({ now: 0 })
    const { unused } = outcome
    if (outcome.type === 'rejected') return { type: 'invalid', issues: outcome.issues, unused }
    const changes = this.#current === undefined ? [] : this.pipeline.diff(this.#current, outcome.value)
    this.#current = outcome.value
    return { type: 'valid', changes, needsRestart: [], unused }
  }
}

/** Opens a source; resolves when it has reported its first tree. */
async function opened(source: Source) {
  const reports: Reported[] = []
  let wake = () => {}
  const isThere = new Promise<void>((resolve) => {
    wake = resolve
  })
  const connection = source.open({
    clock: systemClock,
    logger: silentLogger,
    sink: {
      beginReplace: () => {
        throw new Error('local sources hand over whole trees')
      },
      replace: (update) => {
        reports.push({ type: 'replace', update })
        wake()
      },
      patch: (update) => reports.push({ type: 'patch', update }),
      alive: () => {},
      lost: ({ error }) => {
        throw error
      },
    },
  })
  await isThere
  return { connection, take: () => reports.splice(0) }
}

const seen = { valid: 0, invalid: 0, refused: 0, changing: 0 }
const note = (answer: { readonly type: string; readonly changes?: readonly unknown[] }) => {
  if (answer.type === 'valid') seen.valid++
  else seen.invalid++
  if ((answer.changes?.length ?? 0) > 0) seen.changing++
}

const text = fc.constantFrom(
  'x',
  'ten',
  '5',
  '',
  'livetree:empty',
  'livetree:remove',
  `\${V}`,
  `\${W:-w}`,
  `$\${V}`,
  '${',
  `\${NONE}`,
)
const single = fc.oneof(
  { weight: 6, arbitrary: text },
  { weight: 2, arbitrary: fc.constantFrom<unknown>(5, true, null, [], ['x'], [`\${V}`, 'y'], [{ a: 1 }]) },
)
const part = fc.constantFrom('a', 'b', 'url', 'maxSize', 'x/y', '%', '__proto__', '0')
const objectOf = (values: fc.Arbitrary<unknown>) =>
  fc.array(fc.tuple(part, values), { maxLength: 3 }).map((entries) => {
    const object = {}
    for (const [name, value] of entries)
      Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
    return object
  })
const value = fc.oneof(
  { weight: 4, arbitrary: single },
  { weight: 2, arbitrary: objectOf(single) },
  { weight: 1, arbitrary: objectOf(objectOf(single)) },
)
const top = fc.constantFrom('name', 'port', 'list', 'r', 'r', 'r', 'j', 'j', 'o', 'o', 'unknown')
const document = fc
  .array(fc.tuple(top, value), { maxLength: 5 })
  .map((entries) => Object.fromEntries(entries))
const edit = fc.record({
  path: fc.oneof(
    { weight: 4, arbitrary: fc.tuple(top) },
    { weight: 5, arbitrary: fc.tuple(fc.constantFrom('r', 'j', 'o'), part) },
    { weight: 2, arbitrary: fc.tuple(fc.constantFrom('r', 'j'), part, part) },
    { weight: 1, arbitrary: fc.constantFrom([], ['r', ''], ['name', 'a']) },
  ),
  value: fc.oneof({ weight: 3, arbitrary: value }, { weight: 2, arbitrary: fc.constant(undefined) }),
}) as fc.Arbitrary<{ readonly path: readonly string[]; readonly value: unknown }>

const keyOf = (path: readonly string[]) => path.map(encodeURIComponent).join('/')

test(`memory: preview says what set() then does (${RUNS} cases)`, async () => {
  const property = fc.asyncProperty(
    document,
    fc.array(edit, { minLength: 1, maxLength: 6 }),
    async (initial, edits) => {
      const source = memory(initial)
      const judge = new Judge(source)
      const { connection, take } = await opened(source)
      judge.connect(connection)
      judge.judge(take())
      for (const { path, value: given } of [...edits, { path: ['name'], value: () => 1 }]) {
        const answerOf = (call: () => unknown) => {
          try {
            return call()
          } catch (error) {
            if (error instanceof LivetreeError && error.code === 'invalid_options') return 'refused'
            throw error
          }
        }
        const patch = path.reduceRight<unknown>((inner, name) => new Map([[name, inner]]), given)
        const preview = answerOf(() => judge.preview([{ layer: 'memory', key: keyOf(path), value: given }]))
        const really = answerOf(() => {
          source.set(patch as object)
          return judge.judge(take())
        })
        expect(preview).toEqual(really)
        if (really === 'refused') seen.refused++
        else note(really as { type: string })
      }
      await connection.close()
    },
  )
  await fc.assert(property, SAME_CASES)
  for (const [answer, count] of Object.entries(seen)) expect(count, answer).toBeGreaterThan(0)
  await fc.assert(property, { numRuns: RUNS })
})

/** What a program that edits a document writes: a value in its place, and objects on the way to it. */
function edited(given: unknown, [name, ...rest]: readonly string[], put: unknown): unknown {
  if (name === undefined) return put
  const isObject = typeof given === 'object' && given !== null && !Array.isArray(given)
  const parts = new Map<string, unknown>(isObject ? Object.entries(given) : [])
  if (put === undefined && (!isObject || !parts.has(name))) return given
  if (rest.length > 0) {
    const inner = edited(parts.get(name), rest, put)
    if (inner === undefined) return given
    parts.set(name, inner)
  } else if (put === undefined) parts.delete(name)
  else parts.set(name, put)
  // no assignment: it would lose a `__proto__`
  return Object.fromEntries(parts)
}

/** Writes a file that nobody waits for, as one that was written long ago. */
async function write(path: string, content: string): Promise<void> {
  await writeFile(path, content)
  await utimes(path, 0, 0)
}

async function treeIn(source: Source): Promise<readonly Reported[]> {
  const { connection, take } = await opened(source)
  await connection.close()
  return take()
}

let count = 0

test(`files: preview says what the edited file then gives (${RUNS} cases)`, async () => {
  await fc.assert(
    fc.asyncProperty(
      document,
      fc.array(fc.array(edit, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 4 }),
      fc.boolean(),
      async (initial, steps, isExpanded) => {
        const path = join(directory, `${count++}.json`)
        const options = { watch: false, pollMs: 0, name: 'file', expand: isExpanded && { V: `\${W}` } }
        let held: unknown = initial
        await write(path, JSON.stringify(held))
        const judge = new Judge(file(path, options))
        const { connection, take } = await opened(file(path, options))
        judge.connect(connection)
        judge.judge(take())
        for (const edits of steps) {
          const changes = edits.map((each) => ({
            layer: 'file',
            key: `${path}#/${keyOf(each.path)}`,
            value: each.value,
          }))
          const preview = judge.preview(changes)
          held = edits.reduce((given, each) => edited(given, each.path, each.value), held)
          await write(path, JSON.stringify(held) ?? '{}')
          const really = judge.judge(await treeIn(file(path, options)))
          expect(preview).toEqual(really)
          note(really)
          // Nobody knows what else is in an object, or a file, that cannot be read.
          const [leaves = []] = judge.pipeline.stagedLeaves(0)
          const isUnread = leaves.some((leaf) => leaf.path === '' && leaf.value instanceof Unreadable)
          if (isUnread || edits.some((each) => each.path.includes(''))) break
        }
        await connection.close()
      },
    ),
    { numRuns: RUNS },
  )
})

const variable = fc.constantFrom(
  ...[
    'APP_',
    'APP_NAME',
    'APP_PORT',
    'APP_LIST',
    'APP_R',
    'APP_R__A',
    'APP_R__a',
    'APP_R__A__B',
    'APP_R__NEW_ONE',
  ],
  ...['APP_R__newOne', 'APP_O__MAX_SIZE', 'APP_O__', 'APP___X', 'APP_J', 'APP_J__A', 'APP_name'],
  ...['URL', 'URL_2', 'APP_OLD_URL', 'APP_OLD_URL__X', 'NAME'],
)
const assignment = fc.record({
  key: variable,
  value: fc.option(fc.constantFrom('x', '5', '', 'a,b', '{"A":"1"}', 'livetree:empty', `\${V}`), {
    nil: undefined,
  }),
})
/** The prefix alone, and a name that only begins with an alias, are not read, and preview refuses them. */
const edits = fc.array(
  assignment.filter(({ key }) => key !== 'APP_' && key !== 'URL_2'),
  { minLength: 1, maxLength: 3 },
)

test(`dotenv: preview says what the edited file then gives (${RUNS} cases)`, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(assignment, { maxLength: 6 }),
      fc.array(edits, { minLength: 1, maxLength: 4 }),
      fc.boolean(),
      async (initial, steps, emptyAsUnset) => {
        const path = join(directory, `${count++}.env`)
        const create = () =>
          env({
            prefix: 'APP_',
            dotenv: [path],
            environment: { APP_O__URL: 'own' },
            aliases: { 'o.url': ['APP_OLD_URL', 'URL'], name: ['URL', 'NAME'] },
            emptyAsUnset,
            watch: false,
          })
        const held = new Map<string, string>()
        const assign = (assignments: typeof initial) => {
          for (const { key, value: given } of assignments)
            if (given === undefined) held.delete(key)
            else held.set(key, given)
          // Never an empty file, which is one that is being written.
          return write(
            path,
            ['OTHER=1', ...Array.from(held, ([key, given]) => `${key}='${given}'`)].join('\n'),
          )
        }
        await assign(initial)
        const judge = new Judge(create())
        const { connection, take } = await opened(create())
        judge.connect(connection)
        judge.judge(take())
        for (const assignments of steps) {
          const preview = judge.preview(assignments.map((each) => ({ layer: `dotenv:${path}`, ...each })))
          await assign(assignments)
          const really = judge.judge(await treeIn(create()))
          expect(preview).toEqual(really)
          note(really)
        }
        await connection.close()
      },
    ),
    { numRuns: RUNS },
  )
})
