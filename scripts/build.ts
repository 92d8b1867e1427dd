import { spawnSync } from 'node:child_process'

/**
 * Builds every package with turbo, which skips what has not changed. Prints only what failed, or everything with
 * `--verbose`. A script, and not a line in package.json, so that turbo's telemetry is off on every platform.
 */
const logs = process.argv.includes('--verbose') ? 'full' : 'errors-only'
const result = spawnSync('turbo', ['run', 'build', `--output-logs=${logs}`, '--log-order=grouped'], {
  encoding: 'utf8',
  shell: process.platform === 'win32',
  env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1', TURBO_NO_UPDATE_NOTIFIER: '1' },
})
if (result.status !== 0 || logs === 'full') {
  process.stdout.write(result.stdout ?? '')
  process.stderr.write(result.stderr ?? String(result.error))
}
process.exitCode = result.status ?? 1
