/**
 * A picture that reads well on a light and on a dark page: it brings its own ground, and both change together.
 * Classes for what is in it: `text`, `dim`, `grid`, `aim`, and `s0`…`s5` for what is compared.
 */
export function svg(width: number, height: number, title: string, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escapeXml(title)}</title>`,
    `<style>${STYLE}</style>`,
    `<rect class="ground" width="${width}" height="${height}" rx="6"/>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n')
}

/** Text at a place; `anchor` says which end of it that is. */
export function label(
  x: number,
  y: number,
  text: string,
  options: { readonly anchor?: 'start' | 'middle' | 'end'; readonly kind?: string } = {},
): string {
  const { anchor = 'start', kind = 'text' } = options
  return `<text class="${kind}" x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${escapeXml(text)}</text>`
}

/** A straight line. */
export function line(x1: number, y1: number, x2: number, y2: number, kind = 'grid'): string {
  return `<line class="${kind}" x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"/>`
}

/** One digit after the point is finer than any screen. */
export function round(value: number): number {
  return Math.round(value * 10) / 10
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

const LIGHT = ['#0b63ce', '#c2410c', '#15803d', '#7c3aed', '#a16207', '#0e7490']
const DARK = ['#6cb2ff', '#ff9e64', '#63d68b', '#b79cff', '#e5c15d', '#5fd3e6']

function colours(all: readonly string[]): string {
  return all
    .map((colour, index) => `.s${index}{stroke:${colour};fill:${colour}}path.s${index}{fill:none}`)
    .join('')
}

const STYLE = [
  'text{font:12px system-ui,sans-serif}.title{font-size:14px;font-weight:600}path{stroke-width:2}',
  '.ground{fill:#fff}.text,.title{fill:#1f2328}.dim{fill:#59636e}.grid{stroke:#d1d9e0}.aim{stroke:#59636e;stroke-dasharray:4 3}',
  '.met{fill:#15803d}.missed{fill:#c2410c}',
  colours(LIGHT),
  '@media(prefers-color-scheme:dark){',
  '.ground{fill:#0d1117}.text,.title{fill:#f0f6fc}.dim{fill:#9198a1}.grid{stroke:#3d444d}.aim{stroke:#9198a1}',
  '.met{fill:#3fb950}.missed{fill:#ff9e64}',
  colours(DARK),
  '}',
].join('')
