/** Documents that are made here, in the place of those of which only the number of leaves is known. */
const standIns = new WeakSet<object>()

/** A value that counts as a given number of leaves, whatever names the schema knows at its place. */
export function standIn(count: number): unknown {
  if (count === 1) return ''
  const names = Array.from({ length: count }, (_, index) => [`${index}`, ''] as const)
  const document: object = Object.fromEntries(names)
  standIns.add(document)
  return document
}

/** Whether a document is one that `standIn` made. */
export function isStandIn(document: unknown): boolean {
  return typeof document === 'object' && document !== null && standIns.has(document)
}
