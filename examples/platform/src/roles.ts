/** What a role may do, by directory. */
type Granted = Readonly<Record<string, 'read' | 'readWrite'>>

/** To read one directory, to be asked about changes of it, and to answer. */
const reading = (directory: string): Granted => ({
  [`${directory}/`]: 'read',
  [`/.livetree/proposals${directory}/`]: 'read',
  [`/.livetree/verdicts${directory}/`]: 'readWrite',
})

/** Every role but the last is for one directory, and for nothing else. */
export const roles = {
  'shared-redis': reading('/config/shared/redis'),
  checkout: reading('/config/checkout'),
  search: reading('/config/search'),
  fleet: { '/.livetree/instances/': 'readWrite', '/.livetree/schemas/': 'readWrite' },
} as const satisfies Readonly<Record<string, Granted>>

/** The user of each service, with its roles. */
export const users: Readonly<Record<ServiceName, readonly (keyof typeof roles)[]>> = {
  checkout: ['shared-redis', 'checkout', 'fleet'],
  search: ['shared-redis', 'search', 'fleet'],
}

/** The services of the platform. */
export type ServiceName = 'checkout' | 'search'

/** The store, as the environment names it. */
export const endpoints = [process.env['ETCD_ENDPOINTS'] ?? 'http://127.0.0.1:2379']

/** The credentials of a user; passwords come from the environment, such as `CHECKOUT_PASSWORD`. */
export function credentials(user: ServiceName | 'root'): { username: string; password: string } {
  return { username: user, password: process.env[`${user.toUpperCase()}_PASSWORD`] ?? `${user}-password` }
}
