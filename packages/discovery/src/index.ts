// For users
export { assertAdapterOptions } from './adapter-options.ts'
export { LivePolicy, livePolicy, type PolicyConfig } from './balance/live-policy.ts'
export type {
  Algorithm,
  OutlierSettings,
  Policy,
  PolicySettings,
  PolicySettingsByService,
  RetrySettings,
} from './balance/policy.ts'
export {
  defineService,
  type MetadataSchema,
  type ServiceDefinition,
  type ServiceOptions,
} from './define-service.ts'
export { createDiscovery } from './discovery.ts'
export type { Discovery, DispatcherOptions, OpenServiceOptions } from './discovery-contract.ts'
export type { DiscoveryOptions } from './discovery-options.ts'
export { DiscoveryError, type DiscoveryErrorCode, discoveryErrorCodes } from './errors.ts'
export type { Protocol } from './record/endpoint-record.ts'
export type { Codec } from './record/layout.ts'
export type { Advertise } from './registration/address.ts'
export { assertRegisterOptions } from './registration/register.ts'
export type { ListeningServer } from './registration/bound-address.ts'
export type {
  Registration,
  RegistrationEvents,
  RegistrationState,
} from './registration/registration-contract.ts'
export type {
  RegisterOptions,
  RegistrationCallOptions,
  RegistrationChange,
  ShutdownOptions,
} from './registration/registration-options.ts'
export type { CreatePool, PoolRequest, TlsSettings } from './service/pools.ts'
export type { Picked, PickOptions, PickOutcome, ServiceRequest, ServiceView } from './service-view.ts'
export type { Endpoint, Health } from './view/endpoint.ts'
export type { ProtectionOptions } from './view/protection.ts'
export type { ServiceChange, ServiceEvents, ServiceStatus } from './view/service-status.ts'
export type { Rejection } from './view/service-watch.ts'
