import type { HeaderField } from './header-field.ts'

/** The authorities that Node accepts: valid characters without user information, at least one. */
const TAKEN = /^[!$-.0-;=A-Z[\]_a-z~]+$/

function isAuthority({ name }: HeaderField): boolean {
  return name === ':authority' || name === 'host'
}

/**
 * True if Node would refuse the call because of its authority. etcd ignores it and accepts calls without one:
 * Go's client of etcd 3.4 sends the whole URL when it connects to an endpoint of its choice.
 */
export function isAuthorityRefused(fields: readonly HeaderField[]): boolean {
  const isRequest = fields.some(({ name }) => name === ':path')
  const given = fields.filter(isAuthority)
  return isRequest && (given.length === 0 || given.some(({ value }) => !TAKEN.test(value)))
}

/** The headers with an authority that Node accepts. */
export function withTakenAuthority(fields: readonly HeaderField[]): readonly HeaderField[] {
  if (!isAuthorityRefused(fields)) return fields
  const authority = { name: ':authority', value: 'localhost', isSensitive: false }
  return [authority, ...fields.filter((field) => !isAuthority(field))]
}
