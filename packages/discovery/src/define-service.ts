import { assertAccepted, having, oneOf, readOptions } from './check-options.ts'
import { DiscoveryError } from './errors.ts'
import { PROTOCOLS, type Protocol } from './record/endpoint-record.ts'
import { SERVICE_NAME } from './record/service-name.ts'

/** What is used of a Standard Schema (https://standardschema.dev), which zod, valibot and arktype implement. */
export interface MetadataSchema<Input, Output> {
  readonly '~standard': {
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

/** The result of a Standard Schema. */
type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | {
      readonly issues: readonly { readonly message: string; readonly path?: readonly unknown[] | undefined }[]
    }

/** A service, shared by its providers and its consumers. Created by `defineService`. */
export interface ServiceDefinition<Input = unknown, Output = unknown> {
  readonly name: string
  /** The protocol of endpoints whose record names none. Default `http`. */
  readonly protocol: Protocol
  readonly metadata: MetadataSchema<Input, Output> | undefined
}

/** The options of `defineService`. */
export interface ServiceOptions<Input, Output> {
  /** Labels of a-z, 0-9 and '-', joined by dots. */
  readonly name: string
  /** Default `http`. */
  readonly protocol?: Protocol
  /** A Standard Schema, such as a zod object. It must validate synchronously. Everybody can read metadata: no secrets. */
  readonly metadata?: MetadataSchema<Input, Output>
}

const SCHEMA = {
  accepts: (value: unknown) =>
    having('', 'validate').accepts((value as MetadataSchema<unknown, unknown>)['~standard']),
  expected: 'a Standard Schema, such as z.object({ … })',
}

const CHECKS = { name: SERVICE_NAME, protocol: oneOf(...PROTOCOLS), metadata: SCHEMA }

/**
 * Defines a service. Pure: no I/O.
 *
 * @throws DiscoveryError `invalid_option`
 */
export function defineService<Input = unknown, Output = Input>(
  options: ServiceOptions<Input, Output>,
): ServiceDefinition<Input, Output> {
  return Object.freeze(serviceOf('defineService', options))
}

/** @throws DiscoveryError `invalid_option` */
function serviceOf<Input, Output>(
  where: string,
  options: ServiceOptions<Input, Output>,
): ServiceDefinition<Input, Output> {
  const { name, protocol = 'http', metadata } = readOptions(where, CHECKS, options)
  assertAccepted(where, 'name', SERVICE_NAME, name)
  return { name, protocol, metadata }
}

/**
 * The definition of a service that is given by name or by definition.
 *
 * @throws DiscoveryError `invalid_option`
 */
export function definitionOf<Input, Output>(
  where: string,
  service: string | ServiceDefinition<Input, Output>,
): ServiceDefinition<Input, Output> {
  if (typeof service !== 'object' || service === null) {
    assertAccepted(where, 'service', SERVICE_NAME, service)
    return { name: service, protocol: 'http', metadata: undefined }
  }
  const definition = { ...service, metadata: service.metadata as MetadataSchema<Input, Output> | undefined }
  return serviceOf(`${where}: service`, definition as ServiceOptions<Input, Output>)
}

/** Metadata that was read, or why it is invalid. */
export type ReadMetadata<Output> =
  | { readonly type: 'valid'; readonly value: Output }
  | { readonly type: 'invalid'; readonly problem: string }

/** Validates metadata by the definition's schema. Never throws. */
export function readMetadata<Output>(
  { metadata }: ServiceDefinition<unknown, Output>,
  value: unknown,
): ReadMetadata<Output> {
  if (metadata === undefined) return { type: 'valid', value: value as Output }
  try {
    const result = metadata['~standard'].validate(value)
    if (result instanceof Promise) {
      result.catch(() => undefined)
      return { type: 'invalid', problem: 'the schema of the metadata is asynchronous' }
    }
    if (result.issues === undefined) return { type: 'valid', value: result.value }
    const [issue] = result.issues
    const path = issue?.path?.map((part) => String(isKeyed(part) ? part.key : part)).join('.') ?? ''
    return {
      type: 'invalid',
      problem: `metadata${path === '' ? '' : `.${path}`}: ${issue?.message ?? 'invalid'}`,
    }
  } catch {
    return { type: 'invalid', problem: 'the schema of the metadata has thrown' }
  }
}

function isKeyed(part: unknown): part is { readonly key: unknown } {
  return typeof part === 'object' && part !== null && 'key' in part
}

/** Longest metadata in characters of JSON: every consumer of the service keeps it. */
const MOST_METADATA = 16_384

/**
 * Checks what a provider is to register, and returns it as it will be read.
 *
 * @throws DiscoveryError `invalid_option`
 */
export function storableMetadata(where: string, definition: ServiceDefinition, given: unknown): unknown {
  const text = jsonOf(where, given)
  if (text.length > MOST_METADATA) {
    throw new DiscoveryError(
      'invalid_option',
      `${where}: metadata has ${text.length} characters as JSON, at most ${MOST_METADATA} are allowed`,
    )
  }
  const stored: unknown = JSON.parse(text)
  const read = readMetadata(definition, stored)
  if (read.type === 'valid') return stored
  throw new DiscoveryError(
    'invalid_option',
    `${where}: the metadata of ${definition.name} is invalid: ${read.problem}`,
  )
}

function jsonOf(where: string, given: unknown): string {
  try {
    const text: string | undefined = JSON.stringify(given ?? {})
    if (text !== undefined) return text
  } catch (cause) {
    throw new DiscoveryError('invalid_option', `${where}: metadata cannot be written as JSON`, { cause })
  }
  throw new DiscoveryError('invalid_option', `${where}: metadata cannot be written as JSON`)
}
