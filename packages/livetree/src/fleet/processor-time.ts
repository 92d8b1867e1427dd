/**
 * Starts to measure the processor time of code that runs without a pause; the function that it returns ends that, in milliseconds.
 * A thread that the system keeps waiting takes none: time on a clock would grow with whatever else the machine does.
 */
export function startProcessorTime(): () => number {
  const startedAt = performance.now()
  const before = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(before)
    // other threads of the process are in it, and cannot make it more than has passed
    return Math.min((user + system) / 1_000, performance.now() - startedAt)
  }
}
