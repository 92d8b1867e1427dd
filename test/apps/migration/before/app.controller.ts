import { Controller, Get } from '@nestjs/common'
import { ConfigService } from '@nestjs/config'
import { MailService } from './mail.service.ts'

@Controller()
export class AppController {
  constructor(
    private readonly config: ConfigService,
    private readonly mail: MailService,
  ) {}

  @Get()
  async home() {
    return {
      greeting: this.config.getOrThrow<string>('GREETING'),
      pageSize: this.config.get<number>('PAGE_SIZE', 20),
      mail: this.mail.describe(),
    }
  }
}
