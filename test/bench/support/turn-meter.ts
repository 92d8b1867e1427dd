/**
 * Measures how long turns of the event loop keep the processor. By the processor time of this thread, since on a busy
 * machine the clock counts what others run. It keeps the loop turning, so it costs a core while it runs.
 */
export class TurnMeter {
  #longestMs = 0
  #marked: number[] = []
  #isMarked = false
  #turn: NodeJS.Immediate | undefined

  /** Forgets what it has measured and begins. */
  start(): void {
    this.stop()
    this.#longestMs = 0
    this.#marked = []
    let last = threadMs()
    const onTurn = () => {
      const now = threadMs()
      this.#longestMs = Math.max(this.#longestMs, now - last)
      if (this.#isMarked) this.#marked.push(now - last)
      this.#isMarked = false
      last = now
      this.#turn = setImmediate(onTurn)
    }
    this.#turn = setImmediate(onTurn)
  }

  /** The present turn is one of those to be told apart. */
  mark(): void {
    this.#isMarked = true
  }

  /** Milliseconds of the longest turn, and of each marked one. */
  stop(): { longestMs: number; markedMs: number[] } {
    clearImmediate(this.#turn)
    this.#isMarked = false
    return { longestMs: this.#longestMs, markedMs: this.#marked }
  }
}

function threadMs(): number {
  // Linux brings a thread's time up to date only when the process's is asked for; by itself it is 4 ms old.
  process.cpuUsage()
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}
