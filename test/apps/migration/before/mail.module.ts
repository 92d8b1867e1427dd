import { Module } from '@nestjs/common'
import { ConfigModule } from '@nestjs/config'
import { mailConfig } from './mail.config.ts'
import { MailService } from './mail.service.ts'

@Module({
  imports: [ConfigModule.forFeature(mailConfig)],
  providers: [MailService],
  exports: [MailService],
})
export class MailModule {}
