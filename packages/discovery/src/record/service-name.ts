import type { Check } from '../check-options.ts'

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
const NAME = new RegExp(`^(?=.{1,200}$)${LABEL}(?:\\.${LABEL})*$`)

/**
 * Accepts the name of a service. It is a part of a host name in URLs, and one segment of a key in the store: a name with
 * a slash would be listed as an endpoint of the service above it.
 */
export const SERVICE_NAME: Check = {
  accepts: (value) => typeof value === 'string' && NAME.test(value),
  expected: "a service name: labels of a-z, 0-9 and '-', joined by dots, such as orders or billing.orders",
}
