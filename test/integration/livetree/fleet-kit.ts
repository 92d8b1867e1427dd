import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import { defineConfig, type EtcdLayer } from 'livetree'
import * as z from 'zod'

/** The directories of a fleet, each a layer, and where it is mounted. */
export const DIRECTORIES = {
  '/fleet/shared/redis': 'redis',
  '/fleet/shared/telemetry': 'telemetry',
  '/fleet/app/base': 'base',
  '/fleet/app/prod': 'prod',
  '/fleet/zones/eu': 'zone',
} as const
export type Directory = keyof typeof DIRECTORIES
export const ALL_DIRECTORIES = Object.keys(DIRECTORIES) as readonly Directory[]

const LARGEST = 1_000_000
/** What the schema refuses: text in the place of a number, and a number that is too large. */
export const INVALID = ['x', `${LARGEST + 1}`]
const record = z.record(z.string(), z.number().max(LARGEST)).default({})

/** One record for each directory, so that a snapshot shows exactly what each of them holds. */
export const fleetConfig = defineConfig({
  name: 'fleet',
  schema: z.object({ redis: record, telemetry: record, base: record, prod: record, zone: record }),
  guard: false,
})
export type FleetValue = Awaited<ReturnType<typeof fleetConfig.load>>['current']

/** The layers of a user who may read these directories. */
export function layersOf(directories: readonly Directory[]): readonly EtcdLayer[] {
  return directories.map((prefix) => ({ prefix, at: DIRECTORIES[prefix], optional: true }))
}

/** Makes a user with a read-only role for each of the directories, and nothing else. */
export async function addReader(
  { authAdmin: { roles, users } }: EtcdClient,
  name: string,
  directories: readonly Directory[],
): Promise<void> {
  await users.add(name, { password: `${name}-pw` })
  for (const directory of directories) {
    const role = directory.replaceAll('/', '-').slice(1)
    if (!(await roles.list()).includes(role)) {
      await roles.add(role)
      await roles.grant(role, { access: 'read', range: { prefix: `${directory}/` } })
    }
    await users.grantRole(name, role)
  }
}

/** A client of the user `root`. */
export function connectRoot(endpoints: readonly string[]): EtcdClient {
  return createEtcdClient({ endpoints: [...endpoints], auth: { username: 'root', password: 'rootpw' } })
}
