import { safeText } from './safe-text.ts'

/** A column of a table. */
export interface Column {
  readonly title: string
  /** The most characters of a cell; longer ones are cut. Default: no limit. */
  readonly most?: number
}

/** Rows below a heading, the columns padded. Cells are escaped and on one line; rows have no spaces at their end. */
export function tableText(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  heading: (line: string) => string = (line) => line,
): string {
  const cells = rows.map((row) => columns.map(({ most }, index) => cut(safeText(row[index] ?? ''), most)))
  const titles = columns.map(({ title }) => title.toUpperCase())
  const widths = titles.map((title, index) =>
    cells.reduce((widest, row) => Math.max(widest, (row[index] ?? '').length), title.length),
  )
  const line = (row: readonly string[]) =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd()
  return [heading(line(titles)), ...cells.map(line)].map((text) => `${text}\n`).join('')
}

function cut(text: string, most = Number.POSITIVE_INFINITY): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text
}
