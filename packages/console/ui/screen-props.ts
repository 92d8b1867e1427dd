import type { AppliedView, PlanView, SessionView } from '../src/wire/index.ts'
import type { Draft } from './draft.ts'
import type { Place } from './places.ts'

/** What every screen gets. */
export interface ScreenProps {
  readonly session: SessionView
  readonly place: Place
  /** The newest revision that is known; 0: none yet. */
  readonly revision: number
  readonly draft: Draft
  readonly setDraft: (draft: Draft) => void
}

/** What was written, to be followed. */
export interface Written extends AppliedView {
  readonly plan: PlanView
}
