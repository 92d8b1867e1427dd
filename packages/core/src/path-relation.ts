/** Whether a path is at or below another. Names and numbers are compared as text. */
export function isWithin(path: readonly PropertyKey[], top: readonly PropertyKey[]): boolean {
  return top.length <= path.length && top.every((name, index) => String(name) === String(path[index]))
}

/** Whether one path leads to the other. */
export function isAlong(path: readonly PropertyKey[], other: readonly PropertyKey[]): boolean {
  return isWithin(path, other) || isWithin(other, path)
}
