import type { LiveConfig } from '@livetree/core'
import type { ModulesContainer } from '@nestjs/core'
import { getConfigToken } from './get-config-token.ts'
import { refusal } from './check-module-options.ts'

export type AppModule = ModulesContainer extends Map<string, infer M> ? M : never
export type InstanceWrapper = AppModule['providers'] extends Map<unknown, infer W> ? W : never

/** Everything Nest makes and keeps: guards, pipes, interceptors and middleware are in places of their own. */
export function wrappersOf(modules: Iterable<AppModule>): InstanceWrapper[] {
  return [...modules].flatMap(({ providers, controllers, injectables, middlewares }) => [
    ...providers.values(),
    ...controllers.values(),
    ...injectables.values(),
    ...middlewares.values(),
  ])
}

/**
 * Refuses what Nest would settle by the order of modules: two configurations of one name, and `@InjectConfig()` where two
 * could be meant.
 *
 * @param roots each module that brings a configuration
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
      `This app has two configurations with the name "${twin.name}", and a name is the token they are injected by: give each its own, defineConfig({ name: … })`,
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
      `${String(wrapper.name)} injects @InjectConfig() without a definition, and there are several: ${names}. Say which: @InjectConfig(checkout), or getConfigToken(checkout) in a factory`,
    )
  }
}

function injects(wrapper: InstanceWrapper, token: unknown): boolean {
  // undefined where there are none, whatever Nest's types say
  const ofConstructor: readonly (InstanceWrapper | undefined)[] | undefined = wrapper.getCtorMetadata()
  const properties: readonly { wrapper: InstanceWrapper }[] | undefined = wrapper.getPropertiesMetadata()
  const ofProperties = properties?.map((property) => property.wrapper) ?? []
  return [...(ofConstructor ?? []), ...ofProperties].some((dependency) => dependency?.token === token)
}

/** What a module imports by itself comes before what is global. */
function configsSeenBy(
  module: AppModule,
  roots: ReadonlyMap<AppModule, LiveConfig<unknown>>,
): LiveConfig<unknown>[] {
  const seen = [...module.imports].filter((imported) => roots.has(imported))
  const own = seen.filter(({ isGlobal }) => !isGlobal)
  return [...new Set((own.length > 0 ? own : seen).map((root) => roots.get(root)!))]
}
