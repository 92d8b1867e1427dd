/** A line to plot: a value for each position, from left to right. */
export interface PlotLine {
  readonly name: string
  readonly unit: string
  readonly values: readonly number[]
}

/** What a plot shows. */
export interface PlotOptions {
  readonly title: string
  /** What lies along the bottom, and where the first and the last value are. */
  readonly across: { readonly name: string; readonly from: number; readonly to: number }
  /** One above the other, each on a scale of its own that begins at 0. */
  readonly lines: readonly PlotLine[]
}

const width = 720
const left = 130
const right = 20
const panelHeight = 90
const gap = 28
const top = 40

const escaped = (text: string) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)

const inShort = (value: number) =>
  value.toLocaleString('en-US', { maximumFractionDigits: value < 10 ? 1 : 0 })

/** Draws lines as an SVG that reads on light and on dark pages. */
export const linePlot = ({ title, across, lines }: PlotOptions): string => {
  const height = top + lines.length * (panelHeight + gap) + 10
  const plotWidth = width - left - right
  const panels = lines.map(({ name, unit, values }, index) => {
    const floor = top + index * (panelHeight + gap) + panelHeight
    const most = Math.max(...values, 1)
    const scale = most * 1.15
    const points = values.map((value, position) => {
      const x = left + (plotWidth * position) / Math.max(1, values.length - 1)
      return `${x.toFixed(1)},${(floor - (panelHeight * value) / scale).toFixed(1)}`
    })
    const label = (y: number, text: string) =>
      `<text x="${left - 8}" y="${y}" text-anchor="end">${escaped(text)}</text>`
    return [
      `<path d="M${left} ${floor - panelHeight}V${floor}H${width - right}" fill="none" stroke="#888"/>`,
      `<polyline points="${points.join(' ')}" fill="none" stroke="#3b82c4" stroke-width="1.5"/>`,
      label(floor - panelHeight + 12, name),
      label(floor - panelHeight / 2 + 4, `most ${inShort(most)} ${unit}`),
      label(floor, '0'),
    ].join('\n')
  })
  const floor = height - 14
  const ends = [
    `<text x="${left}" y="${floor}">${inShort(across.from)}</text>`,
    `<text x="${width - right}" y="${floor}" text-anchor="end">${inShort(across.to)} ${escaped(across.name)}</text>`,
  ]
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12" fill="#888">`,
    `<title>${escaped(title)}</title>`,
    `<text x="${left}" y="20" font-size="14">${escaped(title)}</text>`,
    ...panels,
    ...ends,
    '</svg>',
    '',
  ].join('\n')
}
