// `@livetree/core`: for applications and their tests.
export type {
  DeepReadonly,
  ReadonlyBytes,
  ReadonlyDate,
  ReadonlySearchParams,
  ReadonlyUrl,
} from './deep-readonly.ts'
export type { ConfigDefinition, ConfigOf } from './config-definition.ts'
export type { DefineConfigOptions } from './define-config.ts'
export { defineConfig } from './define-config.ts'
export type { LivetreeErrorCode } from './errors.ts'
export { describeUnused } from './describe-unused.ts'
export { describeIssue, describeIssues, LivetreeError } from './errors.ts'
export { ChangeEvent } from './events/change-event.ts'
export type {
  ConfigEvents,
  ConfigListener,
  ReadyEvent,
  UnusedEvent,
} from './events/event-hub.ts'
export type {
  ChangeMessage,
  ConfigChannels,
  ConfigMessage,
  ReloadMessage,
  ResourceEventType,
  ResourceMessage,
} from './events/diagnostics.ts'
export type { LiveEvent, StaleEvent } from './events/freshness-events.ts'
export type { Borrowed } from './resource/instance.ts'
export type {
  ChangedOptions,
  ConfigHealth,
  ConfigStatus,
  LiveConfig,
  PreviewChange,
  PreviewOptions,
  RefreshOptions,
  WatchOptions,
} from './live-config.ts'
export type { LiveOptions, LiveValue } from './resource/live-value.ts'
export { live } from './resource/live-value.ts'
export type { LoadOptions, SnapshotOptions } from './startup/load-options.ts'
export type { Register } from './register.ts'
export type { UnsettledCall } from './events/pending-calls.ts'
export type { Resource, ResourceOptions, ResourceStatus } from './resource/resource-options.ts'
export { Snapshot } from './updates/snapshot.ts'
export type { Reload } from './updates/reload-timer.ts'
export type { SourceStatus } from './updates/source-state.ts'
export type { LoggerLike } from './to-logger.ts'
export type { RejectedEvent } from './updates/rejection.ts'
export type { GuardOptions } from './pipeline/removal-judge.ts'
export type { Issue, Origin, Path, UnusedKey } from './issue.ts'
export type { Change, ExplainedLayer, Preview } from './pipeline/outcome.ts'
export type { Naming } from './schema/naming.ts'
export type { HostPort, HostPortOptions } from './schema/host-port.ts'
export { hostPort } from './schema/host-port.ts'
export { sealed } from './schema/sealed.ts'
export type { Complain } from './schema/invariant.ts'
export { invariant } from './schema/invariant.ts'
export { restart } from './schema/restart.ts'
export type { SecretOptions } from './schema/secret.ts'
export { secret } from './schema/secret.ts'
export { bytes, duration, port } from './schema/units.ts'
export type { PlaintextPolicy } from './encryption/key-set.ts'
export type { KeyMaterial, KeyOrigin, KeyPort } from './keyring/key-origin.ts'
export type { KeyringOptions } from './keyring/keyring.ts'
export { Keyring, keyring } from './keyring/keyring.ts'
export { Sealed } from './sealed.ts'
export type { EnvOptions } from './source/env.ts'
export { env } from './source/env.ts'
export type { FileOptions } from './source/file.ts'
export { file } from './source/file.ts'
export type { MemoryOptions, MemorySource } from './source/memory.ts'
export { memory } from './source/memory.ts'
export type { Clock, Logger } from './source/source.ts'
export type { DeepPartial, TestConfig, TestConfigOptions } from './testing/create-test-config.ts'
export { createTestConfig } from './testing/create-test-config.ts'
