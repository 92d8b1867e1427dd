/** What somebody else's code threw, of which nothing is known: reading it may throw again. */
export function thrownBy(error: unknown): { readonly why: string; readonly code?: unknown } {
  try {
    const why = error instanceof Error ? String(error.message) : String(error)
    return { why, code: (error as { readonly code?: unknown } | null)?.code }
  } catch {
    return { why: 'it threw something that has no text' }
  }
}
