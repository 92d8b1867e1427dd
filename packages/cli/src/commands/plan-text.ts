import { plainValue } from '@livetree/core/tools'
import { isDeepStrictEqual } from 'node:util'
import type { Plan, PlannedChange } from '@livetree/admin'
import { inlineText } from '../output/inline-text.ts'
import { shortKey, shownText } from '../output/safe-text.ts'
import type { Style } from '../output/style.ts'
import { counted, linesText, signOf } from '../output/words.ts'

/** One line for each change: its sign, the path, both texts, and what else there is to know. */
export function changeLines(changes: readonly PlannedChange[], style: Style): readonly string[] {
  const isOneLayer = new Set(changes.map(({ layer }) => layer)).size < 2
  const widest = changes.reduce((most, { pathText }) => Math.max(most, Math.min(pathText.length, 48)), 0)
  return changes.map((change) => {
    const { type, pathText, before, after, layer } = change
    const texts =
      type === 'changed'
        ? `${shownText(before?.text ?? '')} → ${shownText(after?.text ?? '')}`
        : shownText((after ?? before)?.text ?? '')
    const notes = [noteOf(change), elsewhereNote(change), ...(isOneLayer ? [] : [layer])].filter(
      (note) => note !== '',
    )
    const note = notes.length === 0 ? '' : `  ${style('dim', `(${shortKey(notes.join('; '))})`)}`
    return `${signOf(type, style)} ${shortKey(pathText).padEnd(widest)}  ${texts}${note}`
  })
}

/** As `changeLines`, as one text. */
export function changesText(changes: readonly PlannedChange[], style: Style): string {
  return linesText(changeLines(changes, style))
}

/** What is said of a plan without a change. */
export function nothingToChange({ revision }: Plan): string {
  return `Nothing to change: the tree holds all of it at revision ${revision}.`
}

/** The effect of a change where its texts do not show it. */
function noteOf({ type, isSecret, encryptedWith, effective }: PlannedChange): string {
  const isSame = isDeepStrictEqual(effective.before, effective.after)
  const value = shownText(inlineText(effective.after))
  if (encryptedWith !== undefined) return `encrypted, key ${encryptedWith}`
  if (isSecret) return type === 'changed' ? 'another secret' : ''
  if (type === 'removed') return effective.after === undefined ? '' : `then ${value}`
  if (isSame && effective.after !== undefined)
    return `${value} stays in effect: a higher layer or the same value`
  return ''
}

/** What the change does at the other places of its layer. */
function elsewhereNote({ elsewhere, isSecret }: PlannedChange): string {
  const changed = elsewhere.filter(
    ({ effective: { before, after } }) => isSecret || !isDeepStrictEqual(before, after),
  )
  return changed.length === 0 ? '' : `also ${changed.map(({ pathText }) => shownText(pathText)).join(', ')}`
}

/** `3 changes in /config/shop/prod: 1 added, 2 changed` */
export function planSummary(changes: readonly PlannedChange[]): string {
  const layers = [...new Set(changes.map(({ layer }) => layer))]
  const kinds = (['added', 'changed', 'removed'] as const).flatMap((type) => {
    const many = changes.filter((change) => change.type === type).length
    return many === 0 ? [] : [`${many} ${type}`]
  })
  return `${counted(changes.length, 'change')} in ${layers.join(', ')}: ${kinds.join(', ')}`
}

/** A plan as data. */
export function planData(plan: Plan): Readonly<Record<string, unknown>> {
  return {
    revision: plan.revision,
    changes: plan.changes.map(changeData),
    issues: plan.issues,
    unused: plan.unused,
    needsAllowRemoval: plan.needsAllowRemoval,
  }
}

/** A change as data. */
export function changeData({
  type,
  layer,
  key,
  pathText,
  isSecret,
  before,
  after,
  effective,
  elsewhere,
}: PlannedChange) {
  return {
    type,
    path: pathText,
    layer,
    key,
    isSecret,
    before: before?.text ?? null,
    after: after?.text ?? null,
    effective: effectiveData(effective),
    ...(elsewhere.length > 0 && {
      elsewhere: elsewhere.map((other) => ({
        path: other.pathText,
        effective: effectiveData(other.effective),
      })),
    }),
  }
}

function effectiveData({ before, after }: PlannedChange['effective']) {
  return { before: plainValue(before) ?? null, after: plainValue(after) ?? null }
}
