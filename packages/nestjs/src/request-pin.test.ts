import {
  type CallHandler,
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  type INestApplication,
  Injectable,
  type MiddlewareConsumer,
  Module,
  type ModuleMetadata,
  type NestInterceptor,
  Post,
  Req,
  Scope,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common'
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify'
import { Test } from '@nestjs/testing'
import { once } from 'node:events'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { createTestConfig, defineConfig, type LiveConfig } from '@livetree/core'
import { map } from 'rxjs'
import { describe, expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { withoutOpenHandles } from '../../../test/support/open-handles.ts'
import { InjectConfig, LivetreeModule, type LivetreeModuleExtras } from './index.ts'
import { openConfig, type Shop, type ShopConfig, seen, shop } from './shop-app.test.kit.ts'

withoutOpenHandles()

type CompiledModule = Awaited<ReturnType<ReturnType<typeof Test.createTestingModule>['compile']>>

const platforms: readonly { platform: string; create(module: CompiledModule): INestApplication }[] = [
  { platform: 'Express', create: (module) => module.createNestApplication({ logger: false }) },
  {
    platform: 'Fastify',
    create(module) {
      const adapter = new FastifyAdapter()
      const handOverStream = (
        _request: unknown,
        body: Readable,
        done: (error: null, body: Readable) => void,
      ) => done(null, body)
      adapter.getInstance().addContentTypeParser('application/octet-stream', handOverStream)
      return module.createNestApplication<NestFastifyApplication>(adapter, { logger: false })
    },
  },
]

@Injectable()
class ChangingGuard implements CanActivate {
  readonly config: ShopConfig
  constructor(@InjectConfig() config: ShopConfig) {
    this.config = config
  }
  canActivate() {
    this.config.set({ greeting: 'changed by the guard' })
    return true
  }
}

@Injectable()
class StampInterceptor implements NestInterceptor {
  readonly config: LiveConfig<Shop>
  constructor(@InjectConfig() config: LiveConfig<Shop>) {
    this.config = config
  }
  intercept(_context: ExecutionContext, next: CallHandler<string[]>) {
    const before = seen(this.config)
    return next.handle().pipe(map((sights) => [before, ...sights, seen(this.config)]))
  }
}

/** Lives as long as the app: the pin needs no request scope. */
@Injectable({ scope: Scope.DEFAULT })
class DeepService {
  readonly config: LiveConfig<Shop>
  constructor(@InjectConfig() config: LiveConfig<Shop>) {
    this.config = config
  }
  async look() {
    await sleep(1)
    return seen(this.config)
  }
}

@Controller()
class ShopController {
  readonly deep: DeepService
  readonly config: ShopConfig
  constructor(deep: DeepService, @InjectConfig() config: ShopConfig) {
    this.deep = deep
    this.config = config
  }

  @Get('shop')
  @UseGuards(ChangingGuard)
  @UseInterceptors(StampInterceptor)
  async shop() {
    return [await this.deep.look()]
  }

  @Post('upload')
  async upload(@Req() request: IncomingMessage & { raw?: IncomingMessage }) {
    const sights: string[] = []
    const body = request.raw ?? request
    body.on('data', (chunk) => {
      sights.push(`${chunk} ${seen(this.config)}`)
      this.config.set({ greeting: 'changed by an upload' })
    })
    await once(body, 'end')
    return [...sights, seen(this.config)]
  }
}
Reflect.defineMetadata('design:paramtypes', [DeepService, Object], ShopController)

const limitsDefinition = defineConfig({ name: 'limits', schema: z.object({ max: z.number() }) })
const openLimits = () => createTestConfig(limitsDefinition, { max: 1 })
type LimitsConfig = Awaited<ReturnType<typeof openLimits>>

@Controller()
class BothController {
  readonly own: ShopConfig
  readonly limits: LimitsConfig
  constructor(@InjectConfig(shop) own: ShopConfig, @InjectConfig(limitsDefinition) limits: LimitsConfig) {
    this.own = own
    this.limits = limits
  }

  /** Sets both while the request is under way, and looks afterwards. */
  @Get('both')
  async both() {
    const { own, limits } = this
    own.set({ greeting: 'bye', db: { max: own.current.db.max + 1 } })
    limits.set({ max: limits.current.max + 1 })
    await sleep(1)
    const pinned = [seen(own), `max ${limits.pinned().max}@${limits.pinnedSnapshot().version}`]
    return { pinned, current: [own.version, limits.version] }
  }
}

async function serve(
  create: (module: CompiledModule) => INestApplication,
  config: ShopConfig,
  extras: LivetreeModuleExtras = {},
  prefix = '',
) {
  const imports = [LivetreeModule.forRoot({ config, isGlobal: true, ...extras })]
  const providers = [DeepService, ChangingGuard, StampInterceptor]
  return listen(create, { imports, controllers: [ShopController], providers }, prefix)
}

async function listen(
  create: (module: CompiledModule) => INestApplication,
  metadata: ModuleMetadata,
  prefix = '',
) {
  const app = create(await Test.createTestingModule(metadata).compile())
  onTestFinished(() => app.close())
  app.setGlobalPrefix(prefix)
  await app.listen(0, '127.0.0.1')
  return app.getUrl()
}

describe.each(platforms)('on the platform of $platform', ({ create }) => {
  test.each(['', 'api'])(
    'guards, interceptors and services see one state, with prefix "%s"',
    async (prefix) => {
      const config = await openConfig()
      const url = `${await serve(create, config, {}, prefix)}/${prefix}/shop`.replace(/([^:])\/+/g, '$1/')
      expect(await (await fetch(url)).json()).toEqual(['hello@1', 'hello@1', 'hello@1'])
      const after = 'changed by the guard@2'
      expect(await (await fetch(url)).json()).toEqual([after, after, after])
    },
  )

  test('with pin: false they do not: the check above can fail', async () => {
    const config = await openConfig()
    const sights = await (await fetch(`${await serve(create, config, { pin: false })}/shop`)).json()
    expect(sights).toEqual(Array(3).fill('changed by the guard@2'))
  })

  test('a request pins every configuration of the app', async () => {
    const config = await openConfig()
    const limits = await openLimits()
    onTestFinished(() => limits.close())
    const imports = [config, limits].map((each) => LivetreeModule.forRoot({ config: each, isGlobal: true }))
    const url = `${await listen(create, { imports, controllers: [BothController] })}/both`
    expect(await (await fetch(url)).json()).toEqual({ pinned: ['hello@1', 'max 1@1'], current: [2, 2] })
    expect(await (await fetch(url)).json()).toEqual({ pinned: ['bye@2', 'max 2@2'], current: [3, 3] })
  })

  test('the stream of a body is in the pin', async () => {
    const config = await openConfig()
    const url = await serve(create, config)
    const call = httpRequest(`${url}/upload`, {
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream' },
    })
    call.write('one')
    await expect.poll(() => config.version).toBe(2)
    call.end('two')
    const [reply] = (await once(call, 'response')) as [Readable]
    expect(JSON.parse(await text(reply))).toEqual(['one hello@1', 'two hello@1', 'hello@1'])
  })
})

test('on Fastify the pin needs no middleware engine', async () => {
  const config = await openConfig()
  const create = (module: CompiledModule) =>
    module.createNestApplication<NestFastifyApplication>(new FastifyAdapter({ skipMiddie: true }), {
      logger: false,
    })
  const url = `${await serve(create, config)}/shop`
  expect(await (await fetch(url)).json()).toEqual(['hello@1', 'hello@1', 'hello@1'])
})

test("the pin is there for the middleware of the app's own module", async () => {
  const config = await openConfig()
  const sights: string[] = []

  @Module({ imports: [LivetreeModule.forRoot({ config })] })
  class AppModule {
    configure(consumer: MiddlewareConsumer) {
      const look = (_request: unknown, _response: unknown, next: () => void) => {
        config.set({ greeting: 'changed' })
        sights.push(seen(config))
        next()
      }
      consumer.apply(look).forRoutes('{*path}')
    }
  }
  const module = await Test.createTestingModule({ imports: [AppModule] }).compile()
  const app = module.createNestApplication({ logger: false })
  onTestFinished(() => app.close())
  await app.listen(0, '127.0.0.1')
  await fetch(await app.getUrl())
  expect(sights).toEqual(['hello@1'])
})
