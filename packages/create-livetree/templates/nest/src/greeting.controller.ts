import { InjectConfig } from '@livetree/nestjs'
import { Controller, Get, HttpCode, Param, ServiceUnavailableException } from '@nestjs/common'
import type { LiveConfig } from 'livetree'
import { type AppConfig, app } from './config.ts'
import { greet } from './greet.ts'

@Controller()
export class GreetingController {
  constructor(@InjectConfig(app) private readonly config: LiveConfig<AppConfig>) {}

  @Get('readyz')
  @HttpCode(200)
  ready() {
    if (!this.config.health.isReady) throw new ServiceUnavailableException(this.config.health)
    return this.config.health
  }

  @Get()
  greetWorld() {
    return this.greetName('world')
  }

  @Get(':name')
  greetName(@Param('name') name: string) {
    return `${greet(this.config.pinned(), name)}\n`
  }
}
