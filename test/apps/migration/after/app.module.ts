import { LivetreeModule } from '@livetree/nestjs'
import { Module } from '@nestjs/common'
import { appConfig, loadAppConfig } from './app.config.ts'
import { AppController } from './app.controller.ts'
import { MailModule } from './mail.module.ts'

@Module({
  imports: [
    LivetreeModule.forRootAsync({
      isGlobal: true,
      definition: appConfig,
      useFactory: async () => ({ config: await loadAppConfig() }),
    }),
    MailModule,
  ],
  controllers: [AppController],
})
export class AppModule {}
