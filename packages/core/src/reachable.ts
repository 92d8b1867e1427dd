/** Some things, and all that is reached from them step by step; each once, also where they lead back to each other. */
export function reachable<T>(from: Iterable<T>, next: (each: T) => Iterable<T>): ReadonlySet<T> {
  const found = new Set(from)
  // A set hands out what is added while it is walked.
  for (const each of found) for (const one of next(each)) found.add(one)
  return found
}
