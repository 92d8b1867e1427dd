import { createRequire } from 'node:module'
import { Writable } from 'node:stream'
import { createManualSource } from '@livetree/core/testing'
import { type LiveConfig, type LoadOptions, defineConfig } from '@livetree/core'
import { ConsoleLogger, Logger as NestLogger } from '@nestjs/common'
import { Console } from 'node:console'
import { format } from 'node:util'
import fastify from 'fastify'
import { pino } from 'pino'
import { afterEach, describe, expect, it } from 'vitest'
import * as z from 'zod'

/** What is used of winston; its types are not needed for more. */
interface Winston {
  createLogger(options: object): { readonly transports: object[]; child(meta: object): never } & never
  readonly format: { json(): unknown }
  readonly transports: { Stream: new (options: { stream: Writable }) => unknown }
  readonly config: { readonly syslog: { readonly levels: object } }
}
const winston = createRequire(import.meta.url)('winston') as Winston

const shop = defineConfig({ name: 'shop', schema: z.object({ port: z.number().default(1) }) })

const open: LiveConfig<unknown>[] = []
afterEach(async () => {
  for (const config of open.splice(0)) await config.close()
})

function sink(): { readonly stream: Writable; text(): string } {
  let text = ''
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk)
      done()
    },
  })
  return { stream, text: () => text }
}

/** Loads, lets a handler fail with a cause, has a tree rejected, and closes. */
async function live(logger: LoadOptions['logger']): Promise<void> {
  const store = createManualSource({
    name: 'etcd',
    layers: [{ name: 'etcd', keyPrefix: '/a%2Fb%s%d/', separator: '/', naming: 'exact' }],
  })
  const loading = shop.load({ sources: [store], logger })
  store.replace(1, { port: 2 })
  const config = await loading
  open.push(config)
  config.watch(
    (c) => c.port,
    () => {
      throw new TypeError('of the handler')
    },
  )
  store.patch(2, { port: 3 })
  store.patch(3, { port: 'no' })
  await config.refresh()
  await config.close()
  // transports of streams write in a later tick
  await new Promise((resolve) => setImmediate(resolve))
}

const FAILED = 'A watch handler failed'
const KEY = '/a%2Fb%s%d/port'

describe('real loggers are taken as they are', () => {
  it('pino: object first, the cause as err, the configuration by name', async () => {
    const { stream, text } = sink()
    await live(pino({ level: 'debug' }, stream))
    const lines = text()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    const failed = lines.find(({ msg }) => msg.includes(FAILED))
    expect(failed).toMatchObject({
      level: 50,
      config: 'shop',
      code: 'listener_failed',
      err: { type: 'TypeError', message: 'of the handler' },
    })
    expect(failed.err.stack).toContain('loggers.test.ts')
    expect(lines.find(({ level }) => level === 40)).toMatchObject({
      config: 'shop',
      msg: expect.stringContaining(KEY),
    })
    expect(lines.filter(({ level }) => level === 30).map(({ msg }) => msg)).toContain(
      'Configuration "shop" is ready',
    )
  })

  it("Fastify's log", async () => {
    const { stream, text } = sink()
    const app = fastify({ logger: { level: 'info', stream } })
    await live(app.log)
    await app.close()
    const lines = text()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines.find(({ msg }) => msg?.includes(FAILED))).toMatchObject({
      config: 'shop',
      err: { message: 'of the handler' },
    })
  })

  it('winston: message first, the cause in words, with npm and with syslog levels', async () => {
    for (const levels of [undefined, winston.config.syslog.levels]) {
      const { stream, text } = sink()
      const transports = [new winston.transports.Stream({ stream })]
      const logger = winston.createLogger({
        format: winston.format.json(),
        transports,
        ...(levels && { levels }),
      })
      await live(logger)
      const lines = text()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
      expect(lines.find(({ message }) => message.includes(FAILED))).toMatchObject({
        level: 'error',
        config: 'shop',
        cause: {
          name: 'TypeError',
          message: 'of the handler',
          stack: expect.stringContaining('loggers'),
        },
      })
      expect(lines.find(({ level }) => level.startsWith('warn'))).toMatchObject({
        message: expect.stringContaining(KEY),
        config: 'shop',
      })
    }
  })

  it.each([
    ['few', { chatter: 15, note: 35, alarm: 55 }, { error: 'alarm', warn: 'alarm', info: 'note' }],
    [
      'syslog',
      { debug: 1, notice: 3, warning: 4, err: 5 },
      { error: 'err', warn: 'warning', info: 'notice' },
    ],
    ['one', { all: 10 }, { error: 'all', warn: 'all', info: 'all' }],
    [
      'without trace and fatal',
      { debug: 1, info: 2, warn: 3, error: 4 },
      { error: 'error', warn: 'warn', info: 'info' },
    ],
  ] as const)('pino with its own levels only: %s', async (_name, customLevels, expected) => {
    const { stream, text } = sink()
    const level = Object.entries(customLevels).sort(([, one], [, other]) => one - other)[0]![0]
    const formatters = { level: (label: string) => ({ level: label }) }
    await live(
      pino(
        { customLevels: customLevels as never, useOnlyCustomLevels: true, level, formatters },
        stream,
      ) as never,
    )
    const lines = text()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    const levelOf = (words: string) => lines.find(({ msg }) => msg.includes(words))?.level
    expect({ error: levelOf(FAILED), warn: levelOf(KEY), info: levelOf('is ready') }).toEqual(expected)
    expect(lines.find(({ msg }) => msg.includes(FAILED))).toMatchObject({ err: { type: 'TypeError' } })
  })

  it.each([
    [
      'four',
      { fatal: 0, problem: 1, note: 2, chatter: 3 },
      { error: 'fatal', warn: 'problem', info: 'note' },
    ],
    ['two', { bad: 0, good: 1 }, { error: 'bad', warn: 'bad', info: 'good' }],
    [
      'with other names',
      { critical: 0, caution: 1, log: 2 },
      { error: 'critical', warn: 'caution', info: 'log' },
    ],
  ] as const)('winston with its own levels: %s', async (_name, levels, expected) => {
    const { stream, text } = sink()
    const transports = [new winston.transports.Stream({ stream })]
    const level = Object.keys(levels).at(-1)
    await live(winston.createLogger({ format: winston.format.json(), transports, levels, level }))
    const lines = text()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    const levelOf = (words: string) => lines.find(({ message }) => message.includes(words))?.level
    expect({ error: levelOf(FAILED), warn: levelOf(KEY), info: levelOf('is ready') }).toEqual(expected)
  })

  it('a method that the logger loses later: the entry goes to the nearest one left', async () => {
    const said: string[] = []
    const say = (message: string) => void said.push(message)
    const logger: Record<string, unknown> = { debug: say, info: say, warn: say, error: say }
    const running = live(logger as never)
    for (const level of ['warn', 'info', 'debug']) delete logger[level]
    await running
    for (const words of [FAILED, KEY, 'is ready']) expect(said.join('\n')).toContain(words)
  })

  it.each([
    ['log4js', ['addContext', 'isLevelEnabled']],
    ['consola', ['withTag', 'mockTypes']],
    ['loglevel', ['setDefaultLevel', 'enableAll']],
    ['signale', ['unscope', 'timeEnd']],
  ])('%s, which reads a first text as a format: keys are printed as they are', async (_name, methods) => {
    const lines: string[] = []
    const say = (...args: unknown[]) => void lines.push(format(...args))
    const others = Object.fromEntries(methods.map((method) => [method, () => {}]))
    await live({ debug: say, info: say, warn: say, error: say, ...others })
    expect(lines.find((line) => line.includes(KEY))).toContain("config: 'shop'")
    expect(lines.find((line) => line.includes(FAILED))).toContain('TypeError: of the handler')
  })

  it("Nest's Logger, with and without a context, and a LoggerService", async () => {
    const said: string[] = []
    class Recording extends ConsoleLogger {
      protected override printMessages(messages: unknown[], context?: string, level?: string): void {
        said.push(...messages.map((message) => `${level} [${context}] ${message}`))
      }
      protected override printStackTrace(stack: string): void {
        if (stack) said.push(`stack ${stack}`)
      }
    }
    NestLogger.overrideLogger(new Recording())
    for (const [logger, context] of [
      [new NestLogger('Shop'), 'Shop'],
      [new NestLogger(), 'livetree'],
      [new Recording(), 'livetree'],
      [new Recording('Own'), 'Own'],
    ] as const) {
      said.length = 0
      await live(logger)
      expect(said).toContainEqual(
        expect.stringMatching(new RegExp(`^error \\[${context}\\] .*${FAILED}.*config: shop`)),
      )
      expect(said).toContainEqual(expect.stringMatching(/^stack TypeError: of the handler\n +at .*loggers/))
      expect(said).toContainEqual(expect.stringContaining(`warn [${context}] A tree of configuration "shop"`))
      expect(said).toContainEqual(expect.stringContaining(KEY))
      expect(said).toContainEqual(expect.stringContaining(`log [${context}] Configuration "shop" is ready`))
    }
  })

  it('console: a message is no format', async () => {
    const { stream, text } = sink()
    await live(new Console(stream))
    expect(text()).toContain(KEY)
    expect(text()).toMatch(/A watch handler failed.*config: 'shop'.*TypeError: of the handler/s)
  })
})
