import { setTimeout as sleep } from 'node:timers/promises'
import { type Admin, AdminError, type Plan } from '@livetree/admin'
import type { Outcome } from './check-applies.ts'

/** The tree that is written under fire. */
export interface ShopTree {
  readonly count: number
  readonly low: number
  readonly high: number
  readonly parts: Readonly<Record<string, number>>
  readonly tools: Readonly<Record<string, number>>
}

/** What an admin does in one turn: each in its turn, so that every run does each of them as often. */
export const KINDS = ['count', 'low', 'high', 'set', 'unset'] as const
type Kind = (typeof KINDS)[number]

/** One thing that a person wanted, tried until it was done or refused for good. */
export interface Turn {
  readonly kind: Kind
  /** Of every attempt. */
  readonly outcomes: readonly Outcome[]
}

/** What says that nothing is wrong with a change, and that another attempt may succeed. */
const PASSING = ['conflict', 'contention', 'store_unavailable', 'timeout']

/**
 * Plans and applies one change as a person does: after a conflict, or while the store is away, again from what is there then.
 * Every conflict is somebody else's success, so as long as all others come to an end, a turn does.
 *
 * @param until when it gives up, in ms of `performance.now()`
 */
export async function takeTurn(
  admin: Admin<ShopTree>,
  kind: Kind,
  tag: number,
  until: number,
): Promise<Turn> {
  const outcomes: Outcome[] = []
  for (;;) {
    const outcome = await settled(admin, await attempt(admin, kind, tag))
    outcomes.push(outcome)
    const isOver = outcome.type === 'applied' || !PASSING.includes(outcome.code)
    if (isOver || performance.now() > until) return { kind, outcomes }
  }
}

async function attempt(admin: Admin<ShopTree>, kind: Kind, tag: number): Promise<Outcome> {
  try {
    const plan = await planOf(admin, kind, tag)
    const { id, revision } = await plan.apply({ message: `fire ${tag}` })
    return id === undefined
      ? { type: 'failed', code: 'nothing', message: '' }
      : { type: 'applied', id, revision }
  } catch (error) {
    if (!(error instanceof AdminError)) throw error
    return { type: 'failed', code: error.code, message: error.message }
  }
}

async function planOf(admin: Admin<ShopTree>, kind: Kind, tag: number): Promise<Plan> {
  const value = Math.floor(Math.random() * 200)
  const part = `parts.p${Math.floor(Math.random() * 4)}`
  if (kind === 'count') {
    const tree = await admin.read()
    const change = admin.change({ ifRevision: tree.revision })
    return await change.set('count', tree.value.count + 1).plan()
  }
  if (kind === 'set') return await admin.change().set(part, tag).plan()
  if (kind === 'unset') return await admin.change().unset(part).plan()
  return await admin.change().set(kind, value).plan()
}

/** What the store says of a change of which the admin could not say whether it was applied. */
async function settled(admin: Admin<ShopTree>, outcome: Outcome): Promise<Outcome> {
  if (outcome.type === 'applied' || outcome.code !== 'outcome_unknown') return outcome
  const id = /[0-9a-f]{8}-[0-9a-f-]{27}/.exec(outcome.message)?.[0] ?? ''
  for (let attempts = 0; ; attempts++) {
    try {
      const entry = await admin.find(id)
      return entry === undefined
        ? { type: 'failed', code: 'store_unavailable', message: outcome.message }
        : { type: 'applied', id, revision: entry.revision }
    } catch (error) {
      if (!(error instanceof AdminError) || !PASSING.includes(error.code) || attempts === 30) throw error
      await sleep(100)
    }
  }
}
