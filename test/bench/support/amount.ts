/** With `npm run bench -- --smoke`: each bench shows that it runs, with counts too small to say anything about speed. */
export const isSmoke: boolean = process.env.LIVETREE_BENCH_SMOKE === '1'

/** How much of something: rounds, keys, processes. */
export function amount<T>(full: T, smoke: T): T {
  return isSmoke ? smoke : full
}
