import { aimInWords, isMet, ratioInWords } from './figures.ts'
import type { Ratio } from './ratio.ts'
import { label, line, round, svg } from './svg.ts'

const WIDTH = 860
const ROW = 22
const TOP = 62
const BAR = { left: 470, aim: 640, right: 735 }
/** How much better or worse than the aim the ends of the scale are. */
const SCALE = { best: 100, worst: 10 }

/**
 * Draws all ratios against their aims: each as how far it is from its aim, on a logarithmic scale; to the left of the
 * line is better, whichever way the aim goes.
 */
export function drawAimPlot(aims: readonly (readonly [bench: string, ratio: Ratio])[]): string {
  const rows = aims.filter(([, { value }]) => Number.isFinite(value) && value > 0)
  const bottom = TOP + rows.length * ROW
  const title = 'Each ratio against its aim'
  return svg(WIDTH, bottom + 20, title, [
    label(16, 26, title, { kind: 'title' }),
    label(BAR.aim - 8, 48, 'better', { anchor: 'end', kind: 'dim' }),
    label(BAR.aim + 8, 48, 'short of the aim', { kind: 'dim' }),
    ...rows.flatMap(([bench, ratio], index) => {
      const y = TOP + index * ROW
      const kind = isMet(ratio) ? 'met' : 'missed'
      const end = placeOf(ratio)
      const [from, to] = end < BAR.aim ? [end, BAR.aim] : [BAR.aim, end]
      return [
        label(BAR.left - 10, y + 12, `${bench}: ${shortened(ratio.what)}`, { anchor: 'end' }),
        `<rect class="${kind}" x="${round(from)}" y="${y + 2}" width="${round(Math.max(1, to - from))}" height="13"/>`,
        label(WIDTH - 12, y + 12, `${ratioInWords(ratio)} (${aimInWords(ratio)})`, { anchor: 'end' }),
      ]
    }),
    line(BAR.aim, TOP - 8, BAR.aim, bottom, 'aim'),
  ])
}

/** Where a bar ends: at the aim's line for a factor of one. */
function placeOf({ value, aim = 1, isFloor = false }: Ratio): number {
  const excess = Math.log(isFloor ? aim / value : value / aim)
  if (excess <= 0) {
    const share = Math.min(1, -excess / Math.log(SCALE.best))
    return BAR.aim - share * (BAR.aim - BAR.left)
  }
  return BAR.aim + Math.min(1, excess / Math.log(SCALE.worst)) * (BAR.right - BAR.aim)
}

function shortened(text: string): string {
  return text.length <= 62 ? text : `${text.slice(0, 61)}…`
}
