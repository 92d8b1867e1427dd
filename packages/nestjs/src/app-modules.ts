import type { LiveConfig } from '@livetree/core'
import type { ModulesContainer } from '@nestjs/core'
import { getConfigToken } from './get-config-token.ts'
import { refusal } from './check-module-options.ts'

/** A module as Nest's container holds it. */
export type AppModule = ModulesContainer extends Map<string, infer M> ? M : never
/** Nest's wrapper around a provider, controller or middleware and its instance. */
export type InstanceWrapper = AppModule['providers'] extends Map<unknown, infer W> ? W : never

/** Everything Nest instantiates. Guards, pipes and interceptors are `injectables`; middleware has its own map. */
export function wrappersOf(modules: Iterable<AppModule>): InstanceWrapper[] {
  return [...modules].flatMap(({ providers, controllers, injectables, middlewares }) => [
    ...providers.values(),
    ...controllers.values(),
    ...injectables.values(),
    ...middlewares.values(),
  ])
}

/** Whether a module of this class is being loaded lazily: Nest gives only those of the start, and global ones, a distance. */
export function isLoadedLazily(modules: Iterable<AppModule>, of: unknown): boolean {
  return [...modules].some(
    ({ metatype, distance, isGlobal }) => metatype === of && distance === 0 && !isGlobal,
  )
}

/**
 * Refuses ambiguities that Nest would resolve by the order of modules: two configurations with the same name, and an
 * `@InjectConfig()` that could mean several.
 *
 * @param roots each module that provides a configuration
 * @throws LivetreeError `invalid_options`
 */
export function assertUnambiguous(
  modules: Iterable<AppModule>,
  roots: ReadonlyMap<AppModule, LiveConfig<unknown>>,
): void {
  const configs = [...new Set(roots.values())]
  const twin = configs.find(({ name }, index) => configs.findIndex((other) => other.name === name) < index)
  if (twin !== undefined) {
    throw refusal(
      `This app has two configurations named "${twin.name}", but the name is their injection token: give each a name of its own, defineConfig({ name: … })`,
    )
  }
  if (configs.length < 2) return
  for (const wrapper of wrappersOf(modules)) {
    const { host } = wrapper
    if (host === undefined || roots.has(host) || String(wrapper.name) === 'LivetreeHealthIndicator') continue
    if (!injects(wrapper, getConfigToken())) continue
    const seen = configsSeenBy(host, roots)
    if (seen.length < 2) continue
    const names = seen.map(({ name }) => `"${name}"`).join(', ')
    throw refusal(
      `${String(wrapper.name)} uses @InjectConfig() without a definition, but there are several: ${names}. Pass one: @InjectConfig(checkout), or getConfigToken(checkout) in a factory`,
    )
  }
}

function injects(wrapper: InstanceWrapper, token: unknown): boolean {
  // Undefined if there are none, although Nest's types do not say so.
  const ofConstructor: readonly (InstanceWrapper | undefined)[] | undefined = wrapper.getCtorMetadata()
  const properties: readonly { wrapper: InstanceWrapper }[] | undefined = wrapper.getPropertiesMetadata()
  const ofProperties = properties?.map((property) => property.wrapper) ?? []
  return [...(ofConstructor ?? []), ...ofProperties].some((dependency) => dependency?.token === token)
}

/** The configurations a module can inject: those it imports itself, or the global ones if it imports none. */
function configsSeenBy(
  module: AppModule,
  roots: ReadonlyMap<AppModule, LiveConfig<unknown>>,
): LiveConfig<unknown>[] {
  const seen = [...module.imports].filter((imported) => roots.has(imported))
  const own = seen.filter(({ isGlobal }) => !isGlobal)
  return [...new Set((own.length > 0 ? own : seen).flatMap((root) => roots.get(root) ?? []))]
}
