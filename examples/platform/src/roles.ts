/** Every role may read one directory, and nothing else. */
export const roles = {
  'shared-redis': '/config/shared/redis/',
  checkout: '/config/checkout/',
  search: '/config/search/',
} as const

/** The user of each service, with its roles. */
export const users: Readonly<Record<ServiceName, readonly (keyof typeof roles)[]>> = {
  checkout: ['shared-redis', 'checkout'],
  search: ['shared-redis', 'search'],
}

/** The services of the platform. */
export type ServiceName = 'checkout' | 'search'

/** The store, as the environment names it. */
export const endpoints = [process.env['ETCD_ENDPOINTS'] ?? 'http://127.0.0.1:2379']

/** The credentials of a user; passwords come from the environment, such as `CHECKOUT_PASSWORD`. */
export function credentials(user: ServiceName | 'root'): { username: string; password: string } {
  return { username: user, password: process.env[`${user.toUpperCase()}_PASSWORD`] ?? `${user}-password` }
}
