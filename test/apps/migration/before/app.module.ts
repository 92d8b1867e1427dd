import { Module } from '@nestjs/common'
import { ConfigModule } from '@nestjs/config'
import { AppController } from './app.controller.ts'
import { envSchema } from './env.schema.ts'
import { MailModule } from './mail.module.ts'

@Module({
  imports: [
    ConfigModule.forRoot({ isGlobal: true, envFilePath: '.env', validationSchema: envSchema }),
    MailModule,
  ],
  controllers: [AppController],
})
export class AppModule {}
