import {
  AdminError,
  type Convergence,
  createAdmin,
  type InstanceAnswer,
  type Plan,
  type Preflight,
  type PreflightAnswer,
} from '@livetree/admin'
import { createEtcdClient, op } from '@livetree/etcd'
import {
  type ConfigDefinition,
  defineConfig,
  etcd,
  type EtcdSourceOptions,
  memory,
  restart,
  secret,
} from 'livetree'
import { joinFleet } from 'livetree/fleet'
import { expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import type { $ZodType } from 'zod/v4/core'
import { oneEtcd } from '../../support/each-etcd.ts'
import { isLongRun } from '../../support/run-length.ts'
import { waitFor } from '../../support/wait-for.ts'

const CHANGES = Number(process.env['LIVETREE_PREFLIGHTS'] ?? (isLongRun ? 1_000 : 12))
const ROOT = '/config/shop'
const OVERLAYS = ['base', 'prod'] as const

/** What a version of the application takes. */
const shapeOf = (mostPool: number) =>
  z
    .object({
      port: restart(z.number().max(9_000)).default(80),
      pool: z.number().max(mostPool).default(10),
      low: z.number().default(1),
      high: z.number().default(9),
      token: secret(z.string().min(8)).default('of the schema'),
      hosts: z.array(z.string().min(2)).default([]),
      flags: z.record(z.string(), z.boolean()).default({}),
    })
    .refine(({ low, high }) => low < high, { path: ['low'], message: 'low is not below high' })
const definitions = {
  newer: defineConfig({ name: 'shop', schema: shapeOf(200) }),
  older: defineConfig({ name: 'shop', schema: shapeOf(50) }),
  mounted: defineConfig({
    name: 'gateway',
    schema: z.object({ shop: z.object({ pool: z.number().max(30).default(1) }).default({ pool: 1 }) }),
  }),
}

/** What may be written where: what all take, what some take, and what none does. */
const TEXTS: Readonly<Record<string, readonly string[]>> = {
  port: ['80', '81', '8080', '10000', 'eighty'],
  pool: ['10', '20', '40', '60', '199', '300', 'many'],
  low: ['1', '5', '8'],
  high: ['2', '6', '9'],
  token: ['the first secret', 'the second secret', 'short'],
  hosts: ['[]', '["shop.example"]', '["x"]', '["a.example","b.example"]'],
  ...Object.fromEntries(
    ['a', 'b', 'c', 'd', 'e'].map((name) => [`flags.${name}`, ['true', 'false', 'maybe']]),
  ),
}

/** Numbers from 0 to 1 that a seed decides. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

oneEtcd('the answer of a preflight', (etcdUnderTest) => {
  test(`is what then happens, in ${CHANGES} random changes, unless a later write comes between`, async () => {
    const seed = Number(process.env['LIVETREE_SEED'] ?? Date.now() % 2 ** 31)
    const random = randomFrom(seed)
    const oneOf = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
    const { endpoint } = await etcdUnderTest.start()
    const endpoints = [endpoint]
    const store = createEtcdClient({ endpoints })
    onTestFinished(() => store.close())
    const admin = createAdmin(definitions.newer, { store: { endpoints, root: ROOT, overlays: OVERLAYS } })
    onTestFinished(() => admin.close())

    const join = async (
      id: string,
      definition: ConfigDefinition<$ZodType>,
      options: Partial<EtcdSourceOptions>,
    ) => {
      const sources = [etcd({ endpoints, ...options } as EtcdSourceOptions), memory({})]
      const config = await definition.load({ sources, logger: false })
      onTestFinished(() => config.close())
      const member = await joinFleet(config, { id, spreadMs: 0 })
      await waitFor(() => member.status.written?.judgesProposals === 1, { what: `${id} to join` })
    }
    await join('newer', definitions.newer, { root: ROOT, overlays: [...OVERLAYS] })
    await join('older', definitions.older, { root: ROOT, overlays: [...OVERLAYS] })
    await join('mounted', definitions.mounted, { layers: [{ prefix: `${ROOT}/prod`, at: 'shop' }] })

    const rawPut = async () => {
      const path = oneOf(Object.keys(TEXTS))
      const text = oneOf(TEXTS[path] ?? [])
      const put = await store.kv.put(`${ROOT}/${oneOf(OVERLAYS)}/${path.replace('.', '/')}`, text)
      return put.header.revision
    }
    /** A change of one to three keys; undefined where there is nothing of that kind to change. */
    const planned = async (): Promise<Plan | undefined> => {
      let change = admin.change({ overlay: oneOf(OVERLAYS) })
      const paths = new Set(
        Array.from({ length: 1 + Math.floor(random() * 3) }, () => oneOf(Object.keys(TEXTS))),
      )
      for (const path of paths)
        change = random() < 0.25 ? change.unset(path) : change.setText(path, oneOf(TEXTS[path] ?? []))
      try {
        const plan = await change.plan()
        return plan.isEmpty ? undefined : plan
      } catch (error) {
        if (error instanceof AdminError && ['invalid_path', 'not_found'].includes(error.code))
          return undefined
        throw error
      }
    }
    /** Writes a plan, whatever the schema of the admin says; what an admin refuses to remove another tool removes. */
    const written = async (plan: Plan, allowRemoval: boolean): Promise<Convergence | undefined> => {
      try {
        const applied = await plan.apply({ force: true, allowRemoval })
        return await applied.verdicts()
      } catch (error) {
        if (!(error instanceof AdminError)) throw error
        if (error.code === 'conflict') return undefined
        if (error.code !== 'removal_refused') throw error
      }
      const ops = plan.changes.map(({ key, after }) =>
        after === undefined ? op.delete(key) : op.put(key, after.text),
      )
      const { header } = await store.kv
        .txn()
        .then(...ops)
        .commit()
      // a removal by another tool is known of to nobody but those who watch
      await store.kv.put(`${ROOT}/base/unknown`, String(header.revision))
      return admin.verdicts()
    }

    const takeBack = async (revision: number) => {
      const plan = await admin.rollback({ to: revision - 1 })
      await plan.apply({ force: true, allowRemoval: true })
    }

    const counts = { accepted: 0, rejected: 0, unjudged: 0, silent: 0, between: 0 }
    const isEnough = () =>
      Math.min(counts.accepted, counts.rejected) >= CHANGES / 4 &&
      counts.accepted + counts.rejected >= CHANGES * 2
    while (!isEnough()) {
      if (random() < 0.2) await rawPut()
      const plan = await planned()
      if (plan === undefined) continue
      const allowRemoval = random() < 0.7
      const asked = await plan.preflight({ allowRemoval, timeoutMs: 10_000 })
      const between = random() < 0.1 ? await rawPut() : undefined
      const happened = await written(plan, allowRemoval)
      if (happened === undefined) continue
      compare(asked, happened, between, counts, `seed ${seed}, ${JSON.stringify(plan)}`)
      // a tree with many faults would be all that is judged
      if (happened.outcome === 'rejected' && random() < 0.8) await takeBack(happened.revision)
    }
  }, 1_800_000)

  /** Compares what each instance answered with what it then said. */
  function compare(
    asked: Preflight,
    happened: Convergence,
    between: number | undefined,
    counts: Record<'accepted' | 'rejected' | 'unjudged' | 'silent' | 'between', number>,
    about: string,
  ) {
    for (const { instance, verdict, revision = 0, issues, needsRestart, reason } of asked.answers) {
      const after = happened.answers.find((each) => each.instance.id === instance.id)
      const shown = `${instance.id}: ${verdict} ${JSON.stringify({ reason, issues })}, then ${JSON.stringify(after)}; ${about}`
      if (between !== undefined) {
        // the answer says on what it was judged
        expect(revision, shown).toBeLessThan(between)
        counts.between++
      } else if (verdict === 'silent') {
        // it has claimed nothing: a judge rests, and longer on a busy machine
        counts.silent++
      } else if (verdict === 'unjudged') {
        expect(reason, shown).toBe('hidden')
        counts.unjudged++
      } else {
        expect(after, shown).toBeDefined()
        expectTold({ verdict, issues, needsRestart }, after as InstanceAnswer, asked.hidden, shown)
        counts[verdict as 'accepted' | 'rejected']++
      }
    }
  }

  /** What was not sent can be wrong, too, and keep others from being judged. */
  function expectTold(
    told: Pick<PreflightAnswer, 'verdict' | 'issues' | 'needsRestart'>,
    { verdict, issues, needsRestart }: InstanceAnswer,
    hidden: readonly string[],
    shown: string,
  ) {
    const isHiddenWrong = verdict === 'rejected' && issues.some(({ path }) => hidden.includes(path))
    if (isHiddenWrong && told.verdict === 'accepted') return
    expect({ accepted: 'applied', rejected: 'rejected' }[told.verdict as 'accepted'], shown).toBe(verdict)
    if (isHiddenWrong) expect(issues, shown).toEqual(expect.arrayContaining([...told.issues]))
    else expect(issues, shown).toEqual(told.issues)
    if (verdict === 'applied') expect(needsRestart, shown).toEqual(told.needsRestart)
  }
})
