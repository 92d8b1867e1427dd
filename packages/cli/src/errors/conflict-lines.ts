import type { Conflict } from '@livetree/admin'
import { safeText, shortKey, shownText } from '../output/safe-text.ts'

/** The lines of a conflict: what the key held, what it holds, what was wanted, and who was first. */
export function conflictLines(conflicts: readonly Conflict[]): readonly string[] {
  return conflicts.slice(0, 50).flatMap(({ path, key, planned, now, wanted, revision, by }) => {
    const who = by === undefined ? 'another tool' : safeText(`${by.author} at ${by.at}`)
    const why = by?.message === undefined ? '' : `: ${safeText(by.message)}`
    const at = revision === undefined ? '' : ` in revision ${revision}`
    const isAsBefore = planned === undefined && now === undefined
    const moved = isAsBefore ? 'was set and removed again' : `was ${shown(planned)}, is ${shown(now)} now`
    return [
      `${shortKey(path)}: ${moved}; this change ${wanted === undefined ? 'removes it' : `sets ${shown(wanted)}`}`,
      `  changed by ${who}${at}${why}`,
      `  ${shortKey(key)}`,
    ]
  })
}

function shown(text: string | undefined): string {
  return text === undefined ? 'nothing' : shownText(text)
}
