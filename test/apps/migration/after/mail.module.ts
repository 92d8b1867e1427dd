import { LivetreeModule } from '@livetree/nestjs'
import { Module } from '@nestjs/common'
import { mailConfig } from './mail.config.ts'
import { MailService } from './mail.service.ts'

@Module({
  imports: [LivetreeModule.forFeature(mailConfig)],
  providers: [MailService],
  exports: [MailService],
})
export class MailModule {}
