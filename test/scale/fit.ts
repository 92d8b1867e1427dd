/** A straight line through measured points. */
export interface Line {
  readonly base: number
  readonly slope: number
}

/** The line through points with the least squares of its relative errors, so that small sizes count as much as large ones. */
export function fitLine(points: readonly (readonly [size: number, value: number])[]): Line {
  let [w, wx, wy, wxx, wxy] = [0, 0, 0, 0, 0]
  for (const [x, y] of points) {
    const weight = 1 / Math.max(y, 1) ** 2
    w += weight
    wx += weight * x
    wy += weight * y
    wxx += weight * x * x
    wxy += weight * x * y
  }
  const slope = (w * wxy - wx * wy) / (w * wxx - wx * wx)
  return { base: (wy - slope * wx) / w, slope }
}

/** The value of the line at a size; never below 0. */
export function valueAt({ base, slope }: Line, size: number): number {
  return Math.max(0, base + slope * size)
}
