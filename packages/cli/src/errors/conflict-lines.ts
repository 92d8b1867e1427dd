import type { Conflict } from '@livetree/admin'
import { safeText, shortKey, shownText } from '../output/safe-text.ts'

/** The lines of a conflict: what the key held, what it holds, what was wanted, and who was first. */
export function conflictLines(conflicts: readonly Conflict[]): readonly string[] {
  return conflicts
    .slice(0, 50)
    .flatMap(({ path, key, planned, now, wanted, revision, by, byText, unknown }) => {
      const why = by?.message === undefined ? '' : `: ${safeText(by.message)}`
      const at = revision === undefined ? '' : ` in revision ${revision}`
      const isAsBefore = planned === undefined && now === undefined
      const changed = isAsBefore ? 'was set and removed again' : `was ${shown(planned)}, is ${shown(now)} now`
      const moved = unknown.includes('planned') ? `was changed, is ${shown(now)} now` : changed
      return [
        `${shortKey(path)}: ${moved}; this change ${wanted === undefined ? 'removes it' : `sets ${shown(wanted)}`}`,
        `  changed by ${safeText(byText)}${at}${why}`,
        `  ${shortKey(key)}`,
      ]
    })
}

function shown(text: string | undefined): string {
  return text === undefined ? 'nothing' : shownText(text)
}
