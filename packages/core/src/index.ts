// For users: what an application and its tests need.
export type {
  DeepReadonly,
  ReadonlyBytes,
  ReadonlyDate,
  ReadonlySearchParams,
  ReadonlyUrl,
} from './deep-readonly.ts'
export type { ConfigDefinition, ConfigOf, DefineConfigOptions } from './define-config.ts'
export { defineConfig } from './define-config.ts'
export type { LivetreeErrorCode, LivetreeErrorOptions } from './errors.ts'
export { describeIssue, describeIssues, LivetreeError, livetreeErrorCodes } from './errors.ts'
export { ChangeEvent } from './events/change-event.ts'
export type {
  ConfigEventName,
  ConfigEvents,
  ConfigListener,
  ReadyEvent,
  UnusedEvent,
} from './events/event-hub.ts'
export type { LiveEvent, StaleEvent } from './events/freshness-events.ts'
export type { Borrowed } from './resource/instance.ts'
export type {
  ChangedOptions,
  ConfigHealth,
  ConfigStatus,
  LiveConfig,
  RefreshOptions,
  WatchOptions,
} from './live-config.ts'
export type { LiveOptions, LiveValue } from './resource/live-value.ts'
export { live } from './resource/live-value.ts'
export type { LoadOptions, OnUnavailable, SnapshotOptions } from './startup/load-options.ts'
export type { Register, RegisteredConfig } from './register.ts'
export type { Resource, ResourceOptions, ResourceStatus } from './resource/resource-options.ts'
export { Snapshot } from './updates/snapshot.ts'
export type { SourceStatus } from './updates/source-state.ts'
export type { LoggerLike, NestStyleLogger } from './to-logger.ts'
export type { RejectedEvent } from './updates/rejection.ts'
export type { ServedFrom } from './updates/update-processor.ts'
export type { GuardOptions } from './pipeline/guard.ts'
export type { Change, ExplainedLayer, Issue, Origin, Path, UnusedKey } from './pipeline/outcome.ts'
export type { Naming } from './schema/naming.ts'
export { secret } from './schema/secret.ts'
export type { EnvOptions } from './source/env.ts'
export { env } from './source/env.ts'
export type { FileOptions } from './source/file.ts'
export { file } from './source/file.ts'
export type { MemoryOptions, MemorySource } from './source/memory.ts'
export { memory } from './source/memory.ts'
export type { DocumentFormat } from './source/parse-document.ts'
export type { Clock, Logger } from './source/source.ts'
export type { DeepPartial, TestConfig, TestConfigOptions } from './testing/create-test-config.ts'
export { createTestConfig } from './testing/create-test-config.ts'

// For authors of sources, adapters and tools.
export type { OptionTable } from './check-options.ts'
export { checkOptions } from './check-options.ts'
export type { OptionKind } from './option-kinds.ts'
export * as optionKinds from './option-kinds.ts'
export { shellWord } from './source/shell-word.ts'
export { assertLiveConfig, isLiveConfig, kindOfValue } from './assert-live-config.ts'
export { askIsEqual, callAtOnce, isPromise } from './callback.ts'
export type { HealthAnswer, HealthProbeOptions } from './request/health-probe.ts'
export { answerHealthProbe } from './request/health-probe.ts'
export type { RequestPart, ResponsePart } from './request/request-pin.ts'
export { borrowForResponse, pinRequest } from './request/request-pin.ts'
export { toLogger } from './to-logger.ts'
export type { CompileOptions } from './schema/compile-schema.ts'
export { compileSchema } from './schema/compile-schema.ts'
export type { PipelineOptions, PipelineSource } from './pipeline/create-pipeline.ts'
export { createPipeline } from './pipeline/create-pipeline.ts'
export type { Outcome, Pipeline } from './pipeline/outcome.ts'
export type { SchemaNode } from './schema/schema-node.ts'
export { SECRET_TEXT } from './schema/secret.ts'
export { silentLogger } from './logger.ts'
export type {
  LayerInfo,
  LayerNaming,
  Leaf,
  PatchUpdate,
  ReplaceUpdate,
  Source,
  SourceConnection,
  SourceContext,
  SourceSink,
} from './source/source.ts'
export { Unreadable } from './source/source.ts'
export { systemClock } from './clock.ts'
export type { ManualSource, ManualSourceOptions } from './testing/manual-source.ts'
export { createManualSource } from './testing/manual-source.ts'
export type { RecordedCall, SourceRecorder } from './testing/record-source.ts'
export { recordSource } from './testing/record-source.ts'
export type { TestClock } from './testing/test-clock.ts'
export { createTestClock } from './testing/test-clock.ts'
