import type { Verdict } from './verdict.ts'

/** One place where two schemas differ. */
export interface Finding {
  readonly path: readonly string[]
  readonly what: string
  /** Whether the later schema takes there all that the earlier one takes. */
  readonly verdict: Verdict
}

/** Compares a part of the earlier schema with a part of the later one; undefined stands for a part without rules. */
export type Compare = (before: unknown, after: unknown, path: readonly string[]) => readonly Finding[]
