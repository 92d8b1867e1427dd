import { figureOf } from './figures.ts'
import { label, line, round, svg } from './svg.ts'

/** Lines over steps such as sizes or percentiles. */
export interface LinePlot {
  /** The file's name without `.svg`; begins with the bench's. */
  readonly name: string
  readonly title: string
  /** Under the steps. */
  readonly steps: readonly string[]
  /** One value for each step, in milliseconds or what `unit` says; NaN leaves a gap. */
  readonly lines: readonly { readonly name: string; readonly values: readonly number[] }[]
  readonly unit?: 'MB'
  /** Equal distances for equal factors. Default false: from zero up. */
  readonly isLogarithmic?: boolean
}

const WIDTH = 720
const AREA = { left: 84, right: 700, top: 44, bottom: 260 }
const LEGEND_ROW = 18

/** Draws a plot as an SVG file. */
export function drawLinePlot(plot: LinePlot): string {
  const { title, steps, lines, unit, isLogarithmic = false } = plot
  const values = lines.flatMap((one) => one.values).filter((value) => Number.isFinite(value) && value > 0)
  const ticks = isLogarithmic ? logTicks(values) : linearTicks(Math.max(...values))
  const scale = isLogarithmic ? Math.log : (value: number) => value
  const [low, high] = [scale(ticks[0]!), scale(ticks.at(-1)!)]
  const y = (value: number) =>
    AREA.bottom - ((scale(value) - low) / (high - low || 1)) * (AREA.bottom - AREA.top)
  const x = (step: number) => AREA.left + ((step + 0.5) / steps.length) * (AREA.right - AREA.left)
  const parts = [
    label(16, 26, title, { kind: 'title' }),
    ...ticks.flatMap((tick) => [
      line(AREA.left, y(tick), AREA.right, y(tick)),
      label(AREA.left - 8, y(tick) + 4, figureOf(tick, unit), { anchor: 'end', kind: 'dim' }),
    ]),
    ...steps.map((step, index) => label(x(index), AREA.bottom + 20, step, { anchor: 'middle', kind: 'dim' })),
    ...lines.flatMap(({ name, values: own }, index) => {
      const points = own.flatMap((value, step) =>
        Number.isFinite(value) ? [[round(x(step)), round(y(value))] as const] : [],
      )
      const legendY = AREA.bottom + 44 + index * LEGEND_ROW
      return [
        `<path class="s${index}" d="M${points.map((point) => point.join(' ')).join('L')}"/>`,
        ...points.map(([cx, cy]) => `<circle class="s${index}" cx="${cx}" cy="${cy}" r="3"/>`),
        line(AREA.left, legendY - 4, AREA.left + 24, legendY - 4, `s${index}`),
        label(AREA.left + 32, legendY, name),
      ]
    }),
  ]
  return svg(WIDTH, AREA.bottom + 44 + lines.length * LEGEND_ROW, title, parts)
}

/** Round numbers from zero past the largest value. */
function linearTicks(most: number): number[] {
  const rough = most / 4
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough)!
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, index) => index * step)
}

/** Powers of ten around the values. */
function logTicks(values: readonly number[]): number[] {
  const first = Math.floor(Math.log10(Math.min(...values)))
  const last = Math.max(first + 1, Math.ceil(Math.log10(Math.max(...values))))
  return Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index))
}
