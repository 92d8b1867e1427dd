import type { ChangeWire, StepWire, WirePath } from '../src/wire/index.ts'
import { keyOf } from './places.ts'

/** What is to be changed, before it is applied. It is kept in this tab alone, and nowhere longer than that. */
export type Draft = ChangeWire | undefined

/** The draft with one more step; a step for the same place gives way to it. */
export function withStep(draft: Draft, layer: string, step: StepWire): ChangeWire {
  const steps = draft !== undefined && 'steps' in draft && draft.layer === layer ? draft.steps : []
  return { layer, steps: [...steps.filter(({ path }) => keyOf(path) !== keyOf(step.path)), step] }
}

/** The draft without the step for a place; undefined if nothing is left. */
export function withoutStep(draft: Draft, path: WirePath): Draft {
  if (draft === undefined || !('steps' in draft)) return draft
  const steps = draft.steps.filter((step) => keyOf(step.path) !== keyOf(path))
  return steps.length === 0 ? undefined : { layer: draft.layer, steps }
}

/** How many places it changes; a rollback counts as one. */
export function countOf(draft: Draft): number {
  if (draft === undefined) return 0
  return 'steps' in draft ? draft.steps.length : 1
}

/** The text that the draft has for a place in a layer. */
export function draftText(draft: Draft, layer: string, path: WirePath): string | undefined {
  if (draft === undefined || !('steps' in draft) || draft.layer !== layer) return undefined
  const step = draft.steps.find((each) => keyOf(each.path) === keyOf(path))
  return step !== undefined && 'text' in step ? step.text : undefined
}
