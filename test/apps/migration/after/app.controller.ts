import { InjectConfig } from '@livetree/nestjs'
import { Controller, Get } from '@nestjs/common'
import { type AppConfig, appConfig } from './app.config.ts'
import { MailService } from './mail.service.ts'

@Controller()
export class AppController {
  constructor(
    @InjectConfig(appConfig) private readonly config: AppConfig,
    private readonly mail: MailService,
  ) {}

  @Get()
  async home() {
    const { greeting, pageSize } = this.config.pinned()
    return { greeting, pageSize, mail: this.mail.describe() }
  }
}
