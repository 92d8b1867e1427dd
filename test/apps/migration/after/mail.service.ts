import { InjectConfig, type SectionOf } from '@livetree/nestjs'
import { Injectable } from '@nestjs/common'
import { mailConfig } from './mail.config.ts'

@Injectable()
export class MailService {
  constructor(@InjectConfig(mailConfig) private readonly mail: SectionOf<typeof mailConfig>) {}

  describe() {
    const { from, retries } = this.mail.pinned()
    return `from ${from}, ${retries} retries`
  }
}
