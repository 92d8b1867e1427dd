import type { ServiceDefinition } from '@livetree/discovery'
import { Inject } from '@nestjs/common'

/** The injection token of a service's view. */
export function getServiceToken(service: string | ServiceDefinition): string {
  return `livetree:service:${typeof service === 'string' ? service : service.name}`
}

/** Injects the view of a service that the module opens: `@InjectService('orders') orders: ServiceView`. */
export function InjectService(service: string | ServiceDefinition): ParameterDecorator & PropertyDecorator {
  return Inject(getServiceToken(service))
}
