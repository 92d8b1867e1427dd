import { LivetreeError } from '@livetree/core'

/** Checks the version of an application. Default: none. @throws LivetreeError `invalid_options` */
export function checkAppVersion(call: string, version: unknown = ''): string {
  if (typeof version === 'string' && version.length <= 100) return version
  const message = `${call} got an appVersion that is not a text of at most 100 characters.`
  throw new LivetreeError('invalid_options', message)
}
