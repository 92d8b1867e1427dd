import { EtcdError } from '@livetree/etcd'
import { asCliError } from '../errors/describe-error.ts'
import { inFlags } from '../errors/in-flags.ts'
import type { Finding } from './finding.ts'

/** The finding for a call that failed. */
export function failure(check: string, error: unknown, remedy?: string): Finding {
  const { exitCode, message, lines, remedy: general } = asCliError(error)
  const what = error instanceof EtcdError ? inFlags(error.what, true) : message
  const own =
    error instanceof EtcdError ? inFlags(error.remedy, true) : [...lines, general ?? ''].join(' ').trim()
  const said = remedy ?? own
  return { check, status: 'failed', what, exitCode, ...(said !== '' && { remedy: said }) }
}
