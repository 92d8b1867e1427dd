import type { Ratio } from './ratio.ts'

/** A time in the unit that suits it, or an amount in its own. */
export function figureOf(value: number, unit: 'ms' | 'MB' = 'ms'): string {
  if (unit === 'MB') return `${value.toFixed(2)} MB`
  if (Math.abs(value) < 0.001) return `${(value * 1_000_000).toFixed(1)} ns`
  return Math.abs(value) < 1 ? `${(value * 1000).toFixed(1)} µs` : `${value.toFixed(2)} ms`
}

/** `0.52 ×`, with more digits where it is small. */
export function ratioInWords({ value }: Ratio): string {
  if (!Number.isFinite(value)) return 'no peer left'
  return `${value.toFixed(value < 0.1 ? 4 : 2)} ×`
}

/** `≤ 1.2 ×`, or nothing. */
export function aimInWords({ aim, isFloor = false }: Ratio): string {
  return aim === undefined ? '' : `${isFloor ? '≥' : '≤'} ${aim} ×`
}

/** Whether the aim was reached; as measured, not as rounded for people. */
export function isMet({ value, aim, isFloor = false }: Ratio): boolean {
  if (aim === undefined) return true
  return isFloor ? value >= aim : value <= aim
}
