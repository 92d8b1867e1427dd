import { Inject } from '@nestjs/common'
import { getConfigToken, type Injected } from './get-config-token.ts'

/**
 * Injects a configuration (`LiveConfig`) or a section (`SectionOf`):
 * `constructor(@InjectConfig(checkout) readonly config: LiveConfig<ConfigOf<typeof checkout>>)`. Default: the only
 * configuration of the app.
 */
export function InjectConfig(of?: Injected): ParameterDecorator & PropertyDecorator {
  return Inject(getConfigToken(of))
}
