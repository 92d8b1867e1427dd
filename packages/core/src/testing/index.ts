// `@livetree/core/testing`: for tests of applications, custom sources and adapters.
export type { DeepPartial, TestConfig, TestConfigOptions } from './create-test-config.ts'
export { createTestConfig } from './create-test-config.ts'
export type { ManualSource, ManualSourceOptions } from './manual-source.ts'
export { createManualSource } from './manual-source.ts'
export type { RecordedCall, SourceRecorder } from './record-source.ts'
export { recordSource } from './record-source.ts'
export type { TestClock } from './test-clock.ts'
export { createTestClock } from './test-clock.ts'
