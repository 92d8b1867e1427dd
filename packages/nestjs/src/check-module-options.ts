import { checkOptions, configIn, disown, optionKinds } from '@livetree/core/adapter'
import { type LiveConfig, LivetreeError } from '@livetree/core'
import type { Injected } from './get-config-token.ts'

const anything = { expected: 'an option of Nest', test: () => true }
const EXTRA_OPTIONS = {
  isGlobal: optionKinds.flag,
  pin: optionKinds.flag,
  closeOnShutdown: optionKinds.flag,
  definition: {
    expected: 'a definition returned by defineConfig()',
    test: (value: unknown) => isNamed(value),
  },
}
const ROOT_OPTIONS = { config: anything, ...EXTRA_OPTIONS }
const MAKERS = ['useFactory', 'useClass', 'useExisting'] as const
const ASYNC_OPTIONS = {
  imports: optionKinds.list,
  inject: optionKinds.list,
  useFactory: optionKinds.callback,
  useClass: optionKinds.callback,
  useExisting: anything,
  provideInjectionTokensFrom: optionKinds.list,
  ...EXTRA_OPTIONS,
}

/** Validates the options of `forRoot`. @throws LivetreeError `invalid_options`, naming what was passed instead of `{ config }` */
export function checkRootOptions(options: unknown): void {
  const call = 'LivetreeModule.forRoot({ config })'
  configIn(call, options)
  checkOptions(call, options, ROOT_OPTIONS)
}

/** Validates the options of `forRootAsync`. @throws LivetreeError `invalid_options` */
export function checkAsyncOptions(options: unknown): void {
  const call = 'LivetreeModule.forRootAsync()'
  if (options === undefined || options === null) throw refusal(`${call} got nothing`)
  checkOptions(call, options, ASYNC_OPTIONS)
  const given = options as Partial<Record<string, unknown>>
  if (MAKERS.some((maker) => given[maker] !== undefined)) return
  throw refusal(`${call} needs one of useFactory, useClass or useExisting, which returns { config }`)
}

/** Returns the configuration that a factory returned. @throws LivetreeError `invalid_options` */
export function checkMade(options: unknown, definition: Injected | undefined): LiveConfig<unknown> {
  const call = 'LivetreeModule.forRootAsync(), from its factory,'
  const config = configIn(call, options)
  if (definition === undefined || definition.name === config.name) return config
  throw refusal(
    `${call} got the configuration "${config.name}", but the option definition names "${definition.name}"`,
  )
}

/** Whether the value is a definition or a section, which can be injected by its name. */
export function isNamed(value: unknown): value is Injected {
  return optionKinds.isObject(value) && typeof value['name'] === 'string'
}

/**
 * Creates a LivetreeError `invalid_options`.
 *
 * @param what the message without its final period
 * @param given what is refused; if it is a promise, its rejection ends nothing
 */
export function refusal(what: string, ...given: readonly unknown[]): LivetreeError {
  for (const each of given) disown(each)
  return new LivetreeError('invalid_options', `${what}.`)
}
