import { createHash } from 'node:crypto'
import { AdminError, type Plan, type PlannedChange } from '@livetree/admin'
import type { Access } from '../security/access.ts'
import { Refusal } from '../security/refusal.ts'
import { fullText } from '../tree/shown-text.ts'
import type {
  AnswersView,
  AppliedView,
  ApplyWire,
  ChangeWire,
  PlannedView,
  PlanView,
  PromoteWire,
  WirePath,
} from '../wire/index.ts'
import { preflightView, verdictsView } from './answer-views.ts'
import { assertPromotable } from '../compare/compared-places.ts'
import { readSide } from '../compare/read-sides.ts'
import { issueViews } from './issue-views.ts'
import { readApply, readChange, readQueryCount } from './read-input.ts'
import type { Route, RouteContext } from './route.ts'

/** How long the instances have to judge a plan, and how long one call waits for their verdicts on a revision, in milliseconds. */
const PREFLIGHT_MS = 5_000
const VERDICTS_MS = 5_000

/**
 * Every request has the whole change, and the server keeps none: the change is worked out again, and applied only if the plan is the one
 * that the user has reviewed.
 */
export const CHANGE_ROUTES: readonly Route[] = [
  { method: 'POST', path: 'plan', isMutating: true, run: plan },
  { method: 'POST', path: 'preflight', isMutating: true, run: preflight },
  { method: 'POST', path: 'apply', isMutating: true, run: apply },
  { method: 'GET', path: 'verdicts', isMutating: false, run: verdicts },
]

async function plan(context: RouteContext): Promise<PlanView> {
  return planView(await reviewOf(context, readChange(context.body)), context.access)
}

async function preflight(context: RouteContext): Promise<AnswersView> {
  const { access, body, signal } = context
  const { change, allowRemoval } = readApply(body)
  const { plan: planned } = await reviewOf(context, change)
  return preflightView(await planned.preflight({ timeoutMs: PREFLIGHT_MS, allowRemoval, signal }), access)
}

/**
 * A write that was sent is settled, also where the user has gone: the signal only counts until then. The record of the write has the
 * id of the page. A browser sends a request again whose answer was lost, and so may a user, also to another process: it gets the
 * answer to the first one, and nothing is written twice or taken for a write of somebody else.
 */
async function apply(context: RouteContext): Promise<AppliedView> {
  const wire = readApply(context.body)
  const before = await appliedAs(wire.id, context)
  if (before !== undefined) return before
  try {
    return await applied(context, wire)
  } catch (error) {
    // The same request may have been carried out meanwhile: that moves what was looked at.
    const meanwhile = isMoved(error) ? await appliedAs(wire.id, context).catch(() => undefined) : undefined
    if (meanwhile !== undefined) return meanwhile
    throw error
  }
}

function isMoved(error: unknown): boolean {
  if (error instanceof Refusal) return error.view.code === 'moved'
  return error instanceof AdminError && (error.code === 'conflict' || error.code === 'contention')
}

/** The write of this user that has an id; undefined: there is none. */
async function appliedAs(id: string, { admin, access }: RouteContext): Promise<AppliedView | undefined> {
  const record = id === '' ? undefined : await admin.find(id)
  return record?.author === access.user ? { revision: record.revision, id } : undefined
}

async function applied(
  context: RouteContext,
  { id, change, digest, message, allowRemoval }: ApplyWire,
): Promise<AppliedView> {
  const review = await reviewOf(context, change)
  if (digestOf(review) !== digest)
    throw new Refusal(409, 'moved', 'The tree has moved since you looked at this change. Look at it again.')
  const { revision, id: written = '' } = await review.plan.apply({
    author: context.access.user,
    allowRemoval,
    ...(id !== '' && { id }),
    ...(message !== '' && { message }),
  })
  return { revision, id: written }
}

async function verdicts({ admin, access, query, signal }: RouteContext): Promise<AnswersView> {
  const revision = readQueryCount(query.get('revision'), 'revision', Number.MAX_SAFE_INTEGER, 0)
  const timeoutMs = Math.max(1_000, readQueryCount(query.get('waitMs'), 'waitMs', VERDICTS_MS, 1_000))
  const asked = revision === 0 ? undefined : revision
  return verdictsView(await admin.verdicts(asked, { timeoutMs, signal }), access)
}

/** What a user looks at before it is applied. */
interface Review {
  readonly plan: Plan
  /** What tells its secrets apart, of which a plan has no text: the texts that the user has sent, or keys of the other side with their revisions. */
  readonly secrets: readonly string[]
}

/** @throws Refusal 403 for a change of places that the user may not change; AdminError */
async function reviewOf(context: RouteContext, change: ChangeWire): Promise<Review> {
  const { access } = context
  if (!placesOf(change).every((path) => access.mayWrite(path)))
    throw new Refusal(403, 'not_allowed', 'You may not change this place.')
  const review = await workedOut(context, change)
  const places = review.plan.changes.flatMap(({ path, elsewhere }) => [
    path,
    ...elsewhere.map((other) => other.path),
  ])
  if (places.every((path) => access.mayWrite(path))) return review
  throw new Refusal(
    403,
    'not_allowed',
    'The change would write what also stands at other places, or a document that holds more than you may change.',
  )
}

/** The places that a change names; a rollback without any is of everything. */
function placesOf(change: ChangeWire): readonly WirePath[] {
  if ('steps' in change) return change.steps.map(({ path }) => path)
  return 'promote' in change ? change.promote.paths : (change.only ?? [[]])
}

async function workedOut(context: RouteContext, change: ChangeWire): Promise<Review> {
  const { admin, signal } = context
  if ('rollbackTo' in change) {
    const { rollbackTo: to, only } = change
    const plan = await admin.rollback({ to, signal, ...(only !== undefined && { only }) })
    return { plan, secrets: [] }
  }
  if ('promote' in change) return promotion(context, change.promote)
  const plan = await change.steps
    .reduce(
      (set, step) => ('text' in step ? set.setText(step.path, step.text) : set.unset(step.path)),
      admin.change({ layer: change.layer }),
    )
    .plan({ signal })
  return { plan, secrets: change.steps.map((step) => ('text' in step ? step.text : '')) }
}

/** Values are taken as the other side has them now: the digest is of what they were when they were looked at. */
async function promotion(
  { admin, environments, signal }: RouteContext,
  { from, layer, paths }: PromoteWire,
): Promise<Review> {
  const { side, secretsOf, ...rules } = await readSide(admin, environments, from, layer, signal)
  if (rules.isWhole || from.environment !== '') {
    const differences = await admin.diff({ layer }, side, { signal })
    assertPromotable(admin.definition, differences, paths, rules)
  }
  const plan = await admin.promote({ from: side, layer, only: paths, signal })
  // Read after what is written: what moves in between is not taken for what was looked at.
  const secrets = plan.changes.some(({ isSecret }) => isSecret) ? await secretsOf(paths) : []
  return { plan, secrets }
}

function planView(review: Review, access: Access): PlanView {
  const { revision, changes, issues, needsAllowRemoval } = review.plan
  return {
    revision,
    digest: digestOf(review),
    changes: changes.map(plannedView),
    issues: issueViews(issues, access),
    needsAllowRemoval,
  }
}

function plannedView(change: PlannedChange): PlannedView {
  const { type, path, pathText, layer, key, isSecret, needsRestart, before, after, effective, elsewhere } =
    change
  return {
    ...{ type, path, pathText, layer, key, isSecret, needsRestart },
    before: before?.text,
    after: after?.text,
    effectiveBefore: fullText(effective.before),
    effectiveAfter: fullText(effective.after),
    elsewhere: elsewhere.map((other) => ({
      pathText: other.pathText,
      effectiveBefore: fullText(other.effective.before),
      effectiveAfter: fullText(other.effective.after),
    })),
  }
}

/** What a plan writes over what, as a hash, which only who has sent the change gets. Equal for plans that a user need not look at again. */
function digestOf({ plan, secrets }: Review): string {
  const parts = plan.changes.map(({ type, key, before, after }) => [type, key, before?.revision, after?.text])
  return createHash('sha256')
    .update(JSON.stringify([parts, secrets]))
    .digest('hex')
}
