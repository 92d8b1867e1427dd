/** Whether a schema takes everything that another takes: yes, no, or undefined where that is unknown. */
export type Verdict = boolean | undefined

/** No, if one of them is no; otherwise undefined, if one of them is undefined. */
export function every(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes(false)) return false
  return verdicts.includes(undefined) ? undefined : true
}

/** Yes, if one of them is yes; otherwise undefined, if one of them is undefined. */
export function some(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes(true)) return true
  return verdicts.includes(undefined) ? undefined : false
}
