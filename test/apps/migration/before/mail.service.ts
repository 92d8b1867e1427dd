import { Inject, Injectable } from '@nestjs/common'
import type { ConfigType } from '@nestjs/config'
import { mailConfig } from './mail.config.ts'

@Injectable()
export class MailService {
  constructor(@Inject(mailConfig.KEY) private readonly mail: ConfigType<typeof mailConfig>) {}

  describe() {
    return `from ${this.mail.from}, ${this.mail.retries} retries`
  }
}
