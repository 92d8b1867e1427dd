import type { HeaderField } from './header-field.ts'

/** What Node takes as an authority: the characters of one, without a user, and at least one of them. */
const TAKEN = /^[!$-.0-;=A-Z[\]_a-z~]+$/

function isAuthority({ name }: HeaderField): boolean {
  return name === ':authority' || name === 'host'
}

/**
 * Whether Node would refuse the call for its authority. etcd looks at none, and takes calls with any or without one: Go's
 * client of etcd 3.4 writes the whole URL there when it dials an endpoint of its own choice.
 */
export function isAuthorityRefused(fields: readonly HeaderField[]): boolean {
  const isRequest = fields.some(({ name }) => name === ':path')
  const given = fields.filter(isAuthority)
  return isRequest && (given.length === 0 || given.some(({ value }) => !TAKEN.test(value)))
}

/** The headers with an authority that Node takes. */
export function withTakenAuthority(fields: readonly HeaderField[]): readonly HeaderField[] {
  if (!isAuthorityRefused(fields)) return fields
  const authority = { name: ':authority', value: 'localhost', isSensitive: false }
  return [authority, ...fields.filter((field) => !isAuthority(field))]
}
