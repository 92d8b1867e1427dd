import { EtcdError } from './errors.ts'

/** The oldest supported version of Node, as undici requires it. */
const OLDEST_NODE = [22, 19] as const

/**
 * @throws EtcdError `invalid_option` on an older Node, where undici would fail later with an unclear error
 */
export function assertNode(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [oldestMajor, oldestMinor] = OLDEST_NODE
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return
  throw new EtcdError('invalid_option', {
    what: `this is Node ${version}; @livetree/etcd needs ${OLDEST_NODE.join('.')} or later`,
    remedy: 'Run it with a newer Node.',
  })
}
