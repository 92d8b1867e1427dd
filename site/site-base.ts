/**
 * The path below which the site is served, from `LIVETREE_SITE_BASE`; `/` unless it is set. It begins and ends with a slash.
 *
 * @throws Error if the variable has another form
 */
export function siteBase(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  const base = environment['LIVETREE_SITE_BASE'] || '/'
  if (/^\/(?:[\w.~-]+\/)*$/.test(base)) return base
  throw new Error(
    `LIVETREE_SITE_BASE is "${base}". Write a path that begins and ends with a slash, such as /livetree/.`,
  )
}
