// `@livetree/core/tools`: for tools that work with definitions and trees without loading a configuration.
export { livetreeErrorCodes } from '../errors.ts'
export type { PipelineOptions, PipelineSource } from '../pipeline/create-pipeline.ts'
export { createPipeline } from '../pipeline/create-pipeline.ts'
export type { Outcome, Pipeline } from '../pipeline/outcome.ts'
export type { CompileOptions } from '../schema/compile-schema.ts'
export { compileSchema } from '../schema/compile-schema.ts'
export type { SchemaNode } from '../schema/schema-node.ts'
export { SECRET_TEXT } from '../schema/secret.ts'
