import type { ChangeWire, StepWire, WirePath } from '../src/wire/index.ts'
import { keyOf } from './places.ts'

/** What is to be changed, before it is applied. It is kept in this tab alone, and nowhere longer than that. */
export type Draft = ChangeWire | undefined

/** The draft with one more step; a step for the same place gives way to it. */
export function withStep(draft: Draft, layer: string, step: StepWire): ChangeWire {
  const steps = draft !== undefined && 'steps' in draft && draft.layer === layer ? draft.steps : []
  return { layer, steps: [...steps.filter(({ path }) => keyOf(path) !== keyOf(step.path)), step] }
}

/** The draft without what it does at a place; undefined if nothing is left. */
export function withoutStep(draft: Draft, path: WirePath): Draft {
  if (draft === undefined || 'rollbackTo' in draft) return draft
  if ('promote' in draft) {
    const paths = draft.promote.paths.filter((top) => !isWithin(path, top))
    return paths.length === 0 ? undefined : { promote: { ...draft.promote, paths } }
  }
  const steps = draft.steps.filter((step) => keyOf(step.path) !== keyOf(path))
  return steps.length === 0 ? undefined : { layer: draft.layer, steps }
}

/** How many places it changes; a rollback counts as one. */
export function countOf(draft: Draft): number {
  if (draft === undefined) return 0
  if ('promote' in draft) return draft.promote.paths.length
  return 'steps' in draft ? draft.steps.length : 1
}

/** Whether a new change may take the place of the one that was begun, if there is one. */
export function mayReplace(draft: Draft): boolean {
  return draft === undefined || confirm('This replaces the change that you have begun.')
}

function isWithin(path: WirePath, top: WirePath): boolean {
  return path.length >= top.length && top.every((name, index) => String(name) === String(path[index]))
}

/** The text that the draft has for a place in a layer. */
export function draftText(draft: Draft, layer: string, path: WirePath): string | undefined {
  if (draft === undefined || !('steps' in draft) || draft.layer !== layer) return undefined
  const step = draft.steps.find((each) => keyOf(each.path) === keyOf(path))
  return step !== undefined && 'text' in step ? step.text : undefined
}
