import { Inject } from '@nestjs/common'
import { getConfigToken, type Injected } from './get-config-token.ts'

/**
 * Injects a configuration (`LiveConfig`) or a section (`SectionOf`):
 * `constructor(@InjectConfig(checkout) readonly config: LiveConfig<ConfigOf<typeof checkout>>)`. Without an argument: the
 * configuration of the app, where it has one.
 */
export function InjectConfig(of?: Injected): ParameterDecorator & PropertyDecorator {
  return Inject(getConfigToken(of))
}
