import { InjectConfig } from '@livetree/nestjs'
import { Controller, Get, Header, HttpCode, Param, ServiceUnavailableException } from '@nestjs/common'
import type { LiveConfig } from 'livetree'
import { type AppConfig, app } from './config.ts'
import { greet } from './greet.ts'

// With a name or a greeting that someone else chose, HTML would be a page of theirs.
const TEXT = 'text/plain; charset=utf-8'

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
  @Header('Content-Type', TEXT)
  greetWorld() {
    return this.greetName('world')
  }

  @Get(':name')
  @Header('Content-Type', TEXT)
  greetName(@Param('name') name: string) {
    return `${greet(this.config.pinned(), name)}\n`
  }
}
