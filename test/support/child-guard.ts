import { spawn } from 'node:child_process'

/**
 * Kills a process, and removes its folder where one is given, when this one dies, whichever way it dies.
 * Returns a function that ends the guard, for when the process has been stopped properly.
 */
export function guardChild(pid: number, folder?: string): () => void {
  const script = 'kill -9 "$1" 2> /dev/null; test -z "$2" || rm -rf "$2"'
  return runAtDeath(script, [String(pid), folder ?? ''])
}

/**
 * Runs a shell script with these arguments (`$1` …) when this process dies, whichever way it dies: a small shell waits
 * for the end of a pipe only we hold. Returns a function that calls it off.
 */
export function runAtDeath(script: string, args: readonly string[]): () => void {
  if (process.platform === 'win32') return () => {}
  const guard = spawn('sh', ['-c', `cat > /dev/null; ${script}`, 'sh', ...args], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // A Ctrl-C in the terminal goes to the whole group; the guard has to outlive it.
    detached: true,
  })
  guard.on('error', () => {})
  guard.stdin.on('error', () => {})
  guard.unref()
  // The guard must not keep this process alive: its pipe is a socket at run time.
  ;(guard.stdin as unknown as { unref(): void }).unref()
  return () => guard.kill('SIGKILL')
}
