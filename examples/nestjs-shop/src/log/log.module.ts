import { Module } from '@nestjs/common'
import { APP_INTERCEPTOR } from '@nestjs/core'
import { LogService } from './log.service.ts'
import { RequestLogInterceptor } from './request-log.interceptor.ts'

@Module({
  providers: [LogService, { provide: APP_INTERCEPTOR, useClass: RequestLogInterceptor }],
})
export class LogModule {}
