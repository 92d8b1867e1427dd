/** Longer names are not compared with others: nobody mistypes them. */
const MAX_COMPARED = 100

/** How much may be compared, in letters times letters, so that many unknown keys beside many names hold nothing up. */
export interface GuessBudget {
  left: number
}

export function newGuessBudget(): GuessBudget {
  return { left: 2_000_000 }
}

/** The known name that looks most like `name`, if one is near; undefined as well when the budget is spent. */
export function nearestName(
  name: string,
  known: readonly string[],
  budget: GuessBudget = newGuessBudget(),
): string | undefined {
  if (name.length > MAX_COMPARED) return undefined
  const bare = (text: string) => text.replace(/[-_]/g, '').toLowerCase()
  const wanted = bare(name)
  // Every name of one letter is one letter away from every other.
  const allowed = wanted.length === 1 ? 0 : Math.max(1, Math.floor(name.length / 3))
  let best: { name: string; distance: number } | undefined
  for (const candidate of known) {
    if (candidate.length > MAX_COMPARED) continue
    const other = bare(candidate)
    // letters that one has more than the other have to be put in or taken out
    budget.left -= 10
    if (budget.left < 0) return undefined
    if (Math.abs(other.length - wanted.length) > allowed) continue
    budget.left -= wanted.length * other.length
    const distance = editDistance(wanted, other)
    if (distance <= allowed && (best === undefined || distance < best.distance))
      best = { name: candidate, distance }
  }
  return best?.name
}

/** How many letters have to be put in, taken out, replaced, or swapped with their neighbour. */
function editDistance(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    let last = i
    const next = [last]
    for (let j = 1; j <= b.length; j++) {
      const replaced = cell(row, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swapped = isSwap ? cell(before, j - 2) + 1 : replaced
      last = Math.min(replaced, swapped, cell(row, j) + 1, last + 1)
      next.push(last)
    }
    before = row
    row = next
  }
  return cell(row, b.length)
}

/** A cell outside of the table is never the nearest. */
function cell(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY
}
